#include "server/explainer.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/name.hpp"
#include "resolve/fakes.hpp"
#include "support/answers.hpp"
#include "support/hand_turned.hpp"
#include "support/parsed_query.hpp"
#include "support/silent_log.hpp"
#include "upstream/trace_text.hpp"

namespace pillion::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ExplainerTest : public ::testing::Test {
 protected:
  void start(std::size_t memory_for_queries = runtime::MemoryShare::unlimited) {
    runtime::MemoryDivision division;
    division.fill(runtime::MemoryShare::unlimited);
    division[runtime::MemoryUse::queries] = memory_for_queries;
    memory_.emplace(division, 1);
    auto group = std::make_unique<resolve::testing::HoldingGroup>();
    group_ = group.get();
    resolve::Setup setup;
    setup.groups.push_back(std::make_shared<resolve::UpstreamGroup>(
        resolve::UpstreamGroup{.name = "public", .encrypted = true, .group = std::move(group)}));
    setup.routes.push_back({.zone = dns::parse_name(".").value(), .group = 0});
    resolver_.emplace(schedule_, random_, log_, *memory_, std::move(setup));
    explainer_.emplace(schedule_, *resolver_, std::uint16_t{1232});
  }

  [[nodiscard]] bool explain(const std::string& name) {
    return explainer_->explain({.name = dns::parse_name(name).value(), .type = dns::type::a},
                               [this](Explanation explanation) { explanations_.push_back(std::move(explanation)); });
  }
  [[nodiscard]] static std::vector<std::string> lines(const Explanation& explanation) {
    std::vector<std::string> lines;
    for (const auto& event : explanation.trace.events()) lines.push_back(upstream::trace::line_of(event.what));
    return lines;
  }

  testing::HandTurned schedule_;
  runtime::Random random_;
  pillion::testing::SilentLog log_;
  std::optional<runtime::MemoryShares> memory_;
  resolve::testing::HoldingGroup* group_ = nullptr;
  std::optional<resolve::Resolver> resolver_;
  std::optional<Explainer> explainer_;
  std::vector<Explanation> explanations_;
};

TEST_F(ExplainerTest, AMissThenAHit) {
  start();
  ASSERT_TRUE(explain("www.example"));
  EXPECT_THAT(explanations_, IsEmpty());
  schedule_.pass(std::chrono::milliseconds(20));
  group_->answer_with_address();
  ASSERT_THAT(explanations_, SizeIs(1));
  EXPECT_THAT(lines(explanations_[0]),
              ElementsAre("route . leads to upstream public (TLS)", "the cache has no answer",
                          "no identical query is in flight: asks the upstream",
                          HasSubstr("the cache keeps an answer for"), "answer from upstream: NOERROR with 1 record"));
  EXPECT_EQ(explanations_[0].trace.events().back().at, std::chrono::milliseconds(20));
  const auto answer = dns::MessageView::parse(explanations_[0].answer);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header().answers(), 1);
  EXPECT_EQ(dns::to_text(answer->question().name), "www.example.");

  schedule_.pass(std::chrono::seconds(1));
  ASSERT_TRUE(explain("www.example"));
  ASSERT_THAT(explanations_, SizeIs(2));
  EXPECT_THAT(lines(explanations_[1]),
              ElementsAre("route . leads to upstream public (TLS)",
                          HasSubstr("the cache has an answer for www.example., stored 1 s ago"),
                          "answer from cache: NOERROR with 1 record"));
}

TEST_F(ExplainerTest, OverloadOfOursIsNamed) {
  start();
  // The explainer has few places. The other queries are of clients.
  class Waiter final : public resolve::Request {
   public:
    void answered(const resolve::Answer& /*answer*/) override {}
  };
  std::deque<Waiter> waiters;
  for (std::size_t i = 0; i < resolve::InFlight::max_in_flight; ++i) {
    dns::Buffer message;
    dns::append_query(message, 0, dns::flag::rd, dns::parse_name("n" + std::to_string(i) + ".example").value(),
                      dns::type::a, dns::klass::in);
    const auto query = dns::parse_query(message, {}).value();
    resolver_->ask(query, resolver_->look(query).miss, waiters.emplace_back());
  }
  ASSERT_TRUE(explain("late.example"));
  ASSERT_THAT(explanations_, SizeIs(1));
  EXPECT_EQ(lines(explanations_[0]).back(),
            "answer from local: REFUSED with 0 records, EDE 0 (too many queries in flight)");
}

TEST_F(ExplainerTest, WantOfMemoryIsNamed) {
  start(0);
  // The share of a shard is always enough for one large message.
  memory_->queries.take_anyway(memory_->queries.room());
  ASSERT_TRUE(explain("www.example"));
  ASSERT_THAT(explanations_, SizeIs(1));
  EXPECT_EQ(lines(explanations_[0]).back(),
            "answer from local: REFUSED with 0 records, EDE 0 (no memory for the query)");
  memory_->queries.give(memory_->queries.used());
}

TEST_F(ExplainerTest, OnlySoManyAreUnderWayAtOnce) {
  start();
  for (std::size_t i = 0; i < Explainer::max_under_way; ++i) ASSERT_TRUE(explain("n" + std::to_string(i) + ".example"));
  EXPECT_FALSE(explain("late.example"));
  group_->answer_with_address();
  EXPECT_TRUE(explain("late.example"));
}

TEST_F(ExplainerTest, WhoAsksAgainFromWithinTheAnswerIsServed) {
  start();
  bool has_second = false;
  ASSERT_TRUE(explainer_->explain({.name = dns::parse_name("one.example").value(), .type = dns::type::a},
                                  [&](const Explanation&) { has_second = explain("two.example"); }));
  group_->answer_with_address();
  EXPECT_TRUE(has_second);
  group_->answer_with_address();
  ASSERT_THAT(explanations_, SizeIs(1));
  EXPECT_THAT(lines(explanations_[0]), ::testing::Contains("no identical query is in flight: asks the upstream"));
}

}  // namespace
}  // namespace pillion::server
