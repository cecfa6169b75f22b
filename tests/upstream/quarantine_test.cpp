#include "upstream/quarantine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "upstream/test_query.hpp"

namespace pillion::upstream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TestQuery;

class QuarantineTest : public ::testing::Test {
 protected:
  /// Queries `first` to `end` were lost, in this order.
  std::vector<Query*> lose(std::size_t first, std::size_t end, bool is_alone = false, bool was_lane = false) {
    std::vector<Query*> lost;
    for (auto i = first; i < end; ++i) lost.push_back(&queries[i]);
    return quarantine.take(lost, is_alone, was_lane);
  }

  Quarantine quarantine;
  Quarantine::Lane lane;
  std::deque<TestQuery> queries{200};
};

TEST_F(QuarantineTest, IsEmptyAtFirst) {
  EXPECT_TRUE(quarantine.empty());
  EXPECT_EQ(quarantine.next(lane, 0, false), nullptr);
}

TEST_F(QuarantineTest, KeepsTheOrderOfSending) {
  EXPECT_THAT(lose(2, 4), IsEmpty());
  EXPECT_THAT(lose(0, 2), IsEmpty());
  quarantine.push_back(queries[4]);
  EXPECT_EQ(quarantine.size(), 5U);
  EXPECT_THAT(quarantine.release(), ElementsAre(&queries[0], &queries[1], &queries[2], &queries[3], &queries[4]))
      << "those that were lost last were sent first";
  EXPECT_TRUE(quarantine.empty());
}

TEST_F(QuarantineTest, GivesALaneOneQueryFirst) {
  lose(0, 3);
  EXPECT_EQ(quarantine.next(lane, 0, false), &queries[0]);
  EXPECT_EQ(quarantine.next(lane, 1, false), nullptr);
}

TEST_F(QuarantineTest, DoublesWhatALaneTakesWithEachAnswerUpToABound) {
  lose(0, 200);
  std::size_t in_flight = 0;
  for (const std::size_t expected : {1U, 2U, 4U, 8U, 16U, 32U, 64U, 64U}) {
    EXPECT_EQ(lane.window, expected);
    while (quarantine.next(lane, in_flight, false) != nullptr) ++in_flight;
    EXPECT_EQ(in_flight, expected);
    Quarantine::answered(lane);
    --in_flight;
  }
}

TEST_F(QuarantineTest, WhatALaneEndedWithGoesAlone) {
  lose(0, 4);
  Quarantine::answered(lane);
  ASSERT_EQ(quarantine.next(lane, 0, false), &queries[0]);
  ASSERT_EQ(quarantine.next(lane, 1, false), &queries[1]);
  lose(0, 2, false, true);
  EXPECT_EQ(quarantine.next(lane, 0, false), &queries[0]);
  EXPECT_TRUE(queries[0].suspicion.alone);
  EXPECT_EQ(quarantine.next(lane, 1, true), nullptr) << "the first stays alone";
  EXPECT_EQ(quarantine.next(lane, 0, true), &queries[1]) << "when it is through";
  EXPECT_EQ(quarantine.next(lane, 0, true), &queries[2]);
  EXPECT_FALSE(queries[2].suspicion.alone) << "it was in other company";
}

TEST_F(QuarantineTest, OneThatIsToBeAloneDoesNotJoinOthers) {
  lose(1, 2, true);
  lose(0, 1);
  lane.window = 8;
  EXPECT_EQ(quarantine.next(lane, 0, false), &queries[0]);
  EXPECT_EQ(quarantine.next(lane, 1, false), nullptr);
  EXPECT_EQ(quarantine.next(lane, 0, false), &queries[1]);
}

TEST_F(QuarantineTest, TheSecondConnectionThatAQueryEndsAloneIsItsLast) {
  EXPECT_THAT(lose(0, 1, true), IsEmpty());
  EXPECT_EQ(quarantine.next(lane, 0, false), &queries[0]);
  EXPECT_THAT(lose(0, 1, true, true), ElementsAre(&queries[0]));
  EXPECT_TRUE(quarantine.empty());
}

TEST_F(QuarantineTest, BadCompanyIsNoGuilt) {
  for (unsigned i = 1; i < Query::max_endings; ++i) {
    EXPECT_THAT(lose(0, 2), IsEmpty()) << i;
    static_cast<void>(quarantine.release());
  }
  EXPECT_THAT(lose(0, 2), ElementsAre(&queries[1], &queries[0])) << "but there is an end to it";
}

TEST_F(QuarantineTest, ForgetsWhoGaveUp) {
  lose(0, 3);
  quarantine.erase(queries[1]);
  EXPECT_THAT(quarantine.release(), ElementsAre(&queries[0], &queries[2]));
}

/// The number of rounds until all other queries of `count` are answered, if one query ends each connection on which
/// it is. Each round is one lane until its end.
TEST_F(QuarantineTest, OneQueryThatEndsConnectionsIsFoundAmongManyInAFew) {
  constexpr std::size_t count = 100;
  for (std::size_t ending = 0; ending < count; ending += 7) {
    Quarantine tried;
    std::vector<Query*> lost;
    for (std::size_t i = 0; i < count; ++i) {
      queries[i].suspicion = {};
      lost.push_back(&queries[i]);
    }
    ASSERT_THAT(tried.take(lost, false, false), IsEmpty());
    std::vector<Query*> given_up;
    std::size_t answered = 0;
    unsigned lanes = 0;
    while (!tried.empty()) {
      ASSERT_LT(++lanes, 10U);
      Quarantine::Lane next;
      std::deque<Query*> in_flight;
      bool is_alone_under_way = false;
      bool was_joined = false;
      for (bool is_over = false; !is_over;) {
        while (auto* const query = tried.next(next, in_flight.size(), is_alone_under_way)) {
          is_alone_under_way = query->suspicion.alone;
          was_joined = !in_flight.empty();
          in_flight.push_back(query);
        }
        if (in_flight.empty()) break;
        is_over = std::ranges::find(in_flight, &queries[ending]) != in_flight.end();
        if (is_over) {
          const std::vector<Query*> ended(in_flight.begin(), in_flight.end());
          for (auto* const query : tried.take(ended, ended.size() == 1 && !was_joined, true)) given_up.push_back(query);
        } else {
          ++answered;
          in_flight.pop_front();
          Quarantine::answered(next);
        }
      }
    }
    EXPECT_EQ(answered, count - 1) << ending;
    EXPECT_THAT(given_up, ElementsAre(&queries[ending]));
  }
}

}  // namespace
}  // namespace pillion::upstream
