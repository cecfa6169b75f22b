#include "server/turn_work.hpp"

#include <gtest/gtest.h>

namespace pillion::server {
namespace {

TEST(TurnWork, EndsATurnAfterEnoughQueries) {
  TurnWork work;
  for (std::size_t i = 0; i < TurnWork::max_queries; ++i) {
    EXPECT_TRUE(work.may_handle(7));
    work.note_answered_query(7);
  }
  EXPECT_FALSE(work.may_handle(7));
  EXPECT_TRUE(work.may_compose(7));
  EXPECT_TRUE(work.may_handle(8));
}

TEST(TurnWork, EndsATurnSoonerIfQueriesGoToAnUpstream) {
  TurnWork work;
  for (std::size_t i = 0; i < TurnWork::max_upstream_queries; ++i) {
    EXPECT_TRUE(work.may_handle(7));
    work.note_upstream_query(7, {});
  }
  EXPECT_FALSE(work.may_handle(7));
  EXPECT_TRUE(work.may_handle(8));
}

TEST(TurnWork, EndsATurnSoonerIfQueriesForAnUpstreamTakeLong) {
  TurnWork work;
  constexpr runtime::Time begin{std::chrono::hours(1)};
  work.note_upstream_query(7, begin);
  work.note_upstream_query(7, begin + TurnWork::max_upstream_time - std::chrono::nanoseconds(1));
  EXPECT_TRUE(work.may_handle(7));
  work.note_upstream_query(7, begin + TurnWork::max_upstream_time);
  EXPECT_FALSE(work.may_handle(7));
  // The time of a turn begins with its first query.
  work.note_upstream_query(8, begin + std::chrono::hours(1));
  EXPECT_TRUE(work.may_handle(8));
}

TEST(TurnWork, NewSessionsWaitOnceATurnHasTakenLong) {
  TurnWork work;
  constexpr runtime::Time begin{std::chrono::hours(1)};
  EXPECT_TRUE(work.may_serve_new(7));
  work.note_session(7, begin);
  work.note_session(7, begin + TurnWork::max_time_for_new - std::chrono::nanoseconds(1));
  EXPECT_TRUE(work.may_serve_new(7));
  work.note_session(7, begin + TurnWork::max_time_for_new);
  EXPECT_FALSE(work.may_serve_new(7));
  EXPECT_TRUE(work.may_handle(7));
  work.note_session(8, begin + std::chrono::hours(1));
  EXPECT_TRUE(work.may_serve_new(8));
}

TEST(TurnWork, NewSessionsThatWaitHaveTheirOwnTimeAndNoLimitOfQueries) {
  TurnWork work;
  constexpr runtime::Time from{std::chrono::hours(1)};
  for (std::size_t i = 0; i < TurnWork::max_queries; ++i) work.note_answered_query(7);
  EXPECT_TRUE(work.may_serve_waiting_new(7, from));
  EXPECT_TRUE(work.may_serve_waiting_new(7, from + TurnWork::max_time_for_new - std::chrono::nanoseconds(1)));
  EXPECT_FALSE(work.may_serve_waiting_new(7, from + TurnWork::max_time_for_new));
  EXPECT_TRUE(work.may_serve_waiting_new(8, from + TurnWork::max_time_for_new));
  EXPECT_TRUE(work.may_go_on(8, from + std::chrono::hours(1))) << "the time of the others is theirs";
}

TEST(TurnWork, SessionsThatWaitGoOnForAPartOfATurn) {
  TurnWork work;
  constexpr runtime::Time begin{std::chrono::hours(1)};
  work.note_session(7, begin);
  constexpr auto from = begin + std::chrono::hours(1);
  EXPECT_TRUE(work.may_go_on(7, from));
  EXPECT_TRUE(work.may_go_on(7, from + TurnWork::max_queue_time - std::chrono::nanoseconds(1)));
  EXPECT_FALSE(work.may_go_on(7, from + TurnWork::max_queue_time));
  EXPECT_TRUE(work.may_go_on(8, from + TurnWork::max_queue_time));
  for (std::size_t i = 0; i < TurnWork::max_queries; ++i) work.note_answered_query(8);
  EXPECT_FALSE(work.may_go_on(8, from + TurnWork::max_queue_time));
}

TEST(TurnWork, EndsATurnAfterEnoughOutput) {
  TurnWork work;
  work.note_output(7, TurnWork::max_output - 1);
  EXPECT_TRUE(work.may_compose(7));
  work.note_output(7, 1);
  EXPECT_FALSE(work.may_compose(7));
  EXPECT_TRUE(work.may_handle(7));
  EXPECT_TRUE(work.may_compose(8));
}

TEST(TurnWork, BeginsEachTurnAnew) {
  TurnWork work;
  work.note_output(7, TurnWork::max_output);
  work.note_answered_query(8);
  EXPECT_TRUE(work.may_compose(8));
  for (std::size_t i = 0; i < TurnWork::max_queries; ++i) work.note_answered_query(8);
  work.note_output(9, 1);
  EXPECT_TRUE(work.may_handle(9));
}

}  // namespace
}  // namespace pillion::server
