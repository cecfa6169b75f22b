#include "resolve/in_flight.hpp"

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "dns/name.hpp"
#include "resolve/fakes.hpp"

namespace pillion::resolve {
namespace {

using testing::Asker;
using testing::BuiltQuery;
using testing::HandTurned;
using testing::HoldingGroup;

class InFlightTest : public ::testing::Test {
 protected:
  void join(const BuiltQuery& query, Request& request) {
    in_flight.join(query.view(), {.key = cache::key_of(query.view()), .group = &group}, request);
  }
  bool refresh(const BuiltQuery& query) {
    return in_flight.refresh(query.view(), {.key = cache::key_of(query.view()), .group = &group});
  }

  HandTurned schedule;
  ResolverMetrics metrics;
  HoldingGroup group;
  runtime::MemoryShares memory;
  InFlight in_flight{schedule, nullptr, {}, metrics, memory, 0x5eed};
};

TEST_F(InFlightTest, OneQuestionForManyWhoAsk) {
  std::vector<Asker> askers(10'000);
  for (auto& asker : askers) join(BuiltQuery("www.example"), asker);
  ASSERT_EQ(group.asked.size(), 1U);
  EXPECT_EQ(metrics.coalesced.value(), 9'999U);
  group.answer_with_address();
  for (const auto& asker : askers) ASSERT_EQ(asker.answers, 1);
}

TEST_F(InFlightTest, MoreThanTheLimitAreRefused) {
  std::deque<Asker> askers;
  for (std::size_t i = 0; i < InFlight::max_in_flight; ++i) {
    join(BuiltQuery("n" + std::to_string(i) + ".example"), askers.emplace_back());
  }
  Asker late;
  join(BuiltQuery("late.example"), late);
  EXPECT_EQ(late.answers, 1);
  EXPECT_EQ(late.rcode, dns::rcode::refused);
  EXPECT_EQ(late.text, "too many queries in flight");
  EXPECT_FALSE(refresh(BuiltQuery("late.example")));
  // Queries in flight can still be joined.
  Asker joining;
  join(BuiltQuery("n7.example"), joining);
  EXPECT_EQ(joining.answers, 0);

  // Each of them is found and removed, whatever else is in its bucket.
  while (!group.asked.empty()) group.fail();
  for (const auto& asker : askers) ASSERT_EQ(asker.answers, 1);
  EXPECT_EQ(joining.answers, 1);
  Asker again;
  join(BuiltQuery("late.example"), again);
  EXPECT_EQ(group.asked.size(), 1U);
}

/// A requester that can take `takes` answers, and keeps the others.
class SlowAsker final : public Request {
 public:
  explicit SlowAsker(int takes) : takes_(takes) {}
  void answered(const Answer& answer) override {
    rcode = answer.rcode;
    text = answer.text;
    ++answers;
  }
  [[nodiscard]] bool can_take() const override { return answers < takes_; }
  void keep(const std::shared_ptr<const KeptAnswer>& answer) override { kept = answer; }

  int answers = 0;
  std::uint16_t rcode = 0;
  std::string text;
  std::shared_ptr<const KeptAnswer> kept;

 private:
  int takes_;
};

TEST_F(InFlightTest, WhoCannotTakeTheAnswerYetKeepsIt) {
  SlowAsker slow(0), another(0);
  Asker quick;
  for (Request* const request :
       {static_cast<Request*>(&slow), static_cast<Request*>(&quick), static_cast<Request*>(&another)})
    join(BuiltQuery("www.example"), *request);
  group.answer_with_address();
  EXPECT_EQ(quick.answers, 1);
  EXPECT_EQ(slow.answers, 0);
  ASSERT_TRUE(slow.kept);
  EXPECT_EQ(slow.kept, another.kept) << "there is one copy";
  const auto answer = slow.kept->answer();
  EXPECT_EQ(answer.source, Source::upstream);
  EXPECT_EQ(answer.message->header().answers(), 1);
  EXPECT_EQ(dns::to_text(answer.message->question().name), "www.example.");
  EXPECT_EQ(memory.output.used(), slow.kept->size());
  slow.kept.reset();
  another.kept.reset();
  EXPECT_EQ(memory.output.used(), 0U);
}

TEST_F(InFlightTest, AFailureIsSmallAndIsNotKept) {
  SlowAsker slow(0);
  join(BuiltQuery("www.example"), slow);
  group.fail();
  EXPECT_EQ(slow.answers, 1);
  EXPECT_FALSE(slow.kept);
}

TEST_F(InFlightTest, WithoutMemoryForItWhoCannotTakeTheAnswerIsRefused) {
  memory.output.take_anyway(memory.output.limit() - 10);
  SlowAsker slow(0);
  Asker quick;
  join(BuiltQuery("www.example"), slow);
  join(BuiltQuery("www.example"), quick);
  group.answer_with_address();
  EXPECT_EQ(slow.rcode, dns::rcode::refused);
  EXPECT_EQ(slow.text, "no memory for the answer");
  EXPECT_EQ(quick.records, 1);
}

TEST_F(InFlightTest, WhoeverAsksAgainFromWithinTheAnswerStartsAnew) {
  class Insistent final : public Request {
   public:
    explicit Insistent(std::function<void(Request&)> ask_again) : ask_again_(std::move(ask_again)) {}
    void answered(const Answer& /*answer*/) override {
      if (++answers == 1) ask_again_(*this);
    }
    int answers = 0;

   private:
    std::function<void(Request&)> ask_again_;
  };
  Insistent insistent([this](Request& request) { join(BuiltQuery("www.example"), request); });
  Asker other;
  join(BuiltQuery("www.example"), insistent);
  join(BuiltQuery("www.example"), other);
  group.fail();
  EXPECT_EQ(insistent.answers, 1);
  EXPECT_EQ(other.answers, 1);
  ASSERT_EQ(group.asked.size(), 1U);
  group.fail();
  EXPECT_EQ(insistent.answers, 2);
}

TEST_F(InFlightTest, ARefreshIsAskedOnceAndCanBeJoined) {
  EXPECT_TRUE(refresh(BuiltQuery("www.example")));
  EXPECT_TRUE(refresh(BuiltQuery("www.example")));
  Asker asker;
  join(BuiltQuery("www.example"), asker);
  EXPECT_EQ(group.asked.size(), 1U);
  group.answer_with_address();
  EXPECT_EQ(asker.answers, 1);
  EXPECT_EQ(schedule.deadline_count(), 0U);
}

TEST_F(InFlightTest, WhatIsDroppedIsAnsweredToWhoWaitsAndJoinedByNobodyElse) {
  Asker early;
  Asker other;
  Asker late;
  join(BuiltQuery("www.example"), early);
  join(BuiltQuery("www.internal"), other);
  const auto changed = dns::parse_name("www.example").value();
  in_flight.sort_out(
      [&](dns::Bytes name) { return dns::equal_names(name, changed) ? cache::Fate::dropped : cache::Fate::kept; });
  join(BuiltQuery("www.example"), late);
  ASSERT_EQ(group.asked.size(), 3U);
  group.answer_with_address();
  EXPECT_EQ(early.answers, 1);
  EXPECT_EQ(late.answers, 0);
  // The other one is still in flight.
  Asker joining;
  join(BuiltQuery("www.internal"), joining);
  ASSERT_EQ(group.asked.size(), 2U);
  group.answer_with_address();
  EXPECT_EQ(other.answers, 1);
  EXPECT_EQ(joining.answers, 1);
  group.answer_with_address();
  EXPECT_EQ(late.answers, 1);
}

TEST_F(InFlightTest, AllThatShareABucketAreSortedOut) {
  constexpr int count = 5'000;
  std::deque<Asker> askers;
  const auto name = [](int i) { return "n" + std::to_string(i) + ".example"; };
  for (int i = 0; i < count; ++i) join(BuiltQuery(name(i)), askers.emplace_back());
  std::size_t looked_at = 0;
  in_flight.sort_out(
      [&](dns::Bytes /*name*/) { return ++looked_at % 2 == 0 ? cache::Fate::dropped : cache::Fate::kept; });
  EXPECT_EQ(looked_at, askers.size());
  std::size_t left = 0;
  in_flight.sort_out([&](dns::Bytes /*name*/) {
    ++left;
    return cache::Fate::kept;
  });
  EXPECT_EQ(left, askers.size() / 2);
  while (!group.asked.empty()) group.answer_with_address();
  for (const auto& asker : askers) ASSERT_EQ(asker.answers, 1);
}

}  // namespace
}  // namespace pillion::resolve
