#include "upstream/policy.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/random.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;

const runtime::Time now = runtime::Time{} + 1h;

class PolicyTest : public ::testing::Test {
 protected:
  Policy make(config::PolicyKind kind) {
    return {kind, [this] { return random; }};
  }

  double random = 0.5;
  std::array<Health, 3> health;
  std::vector<const Health*> servers{&health[0], &health[1], &health[2]};
};

TEST_F(PolicyTest, SequentialTakesTheFirstThatIsLeft) {
  auto policy = make(config::PolicyKind::sequential);
  EXPECT_EQ(policy.choose(servers, 0), 0U);
  EXPECT_EQ(policy.choose(servers, 0), 0U);
  EXPECT_EQ(policy.choose(servers, 0b001), 1U);
  EXPECT_EQ(policy.choose(servers, 0b101), 1U);
  EXPECT_EQ(policy.choose(servers, 0b111), std::nullopt);
}

TEST_F(PolicyTest, RoundRobinTakesEachInTurn) {
  auto policy = make(config::PolicyKind::round_robin);
  std::array<int, 3> asked{};
  for (int i = 0; i < 300; ++i) ++asked[policy.choose(servers, 0).value()];
  EXPECT_EQ(asked, (std::array{100, 100, 100}));
}

TEST_F(PolicyTest, RandomTakesEveryone) {
  auto policy = make(config::PolicyKind::random);
  random = 0.0;
  EXPECT_EQ(policy.choose(servers, 0), 0U);
  EXPECT_EQ(policy.choose(servers, 0b001), 1U);
  random = 0.5;
  EXPECT_EQ(policy.choose(servers, 0), 1U);
  random = 0.999999;
  EXPECT_EQ(policy.choose(servers, 0), 2U);
}

TEST_F(PolicyTest, FastestTakesTheLowestLatency) {
  auto policy = make(config::PolicyKind::fastest);
  EXPECT_EQ(policy.choose(servers, 0), 0U) << "nothing is known: the first";
  health[0].replied(30ms);
  health[1].replied(10ms);
  EXPECT_EQ(policy.choose(servers, 0), 1U);
  EXPECT_EQ(policy.choose(servers, 0b010), 0U) << "the third was never asked";
  health[2].replied(20ms);
  EXPECT_EQ(policy.choose(servers, 0b010), 2U);
}

TEST_F(PolicyTest, FastestProbesTheOthersWithAFewOfTheQueries) {
  runtime::Random source;
  Policy policy(config::PolicyKind::fastest, [&] { return source.unit(); });
  health[1].replied(10ms);
  std::array<int, 3> asked{};
  constexpr int queries = 20'000;
  for (int i = 0; i < queries; ++i) ++asked[policy.choose(servers, 0).value()];
  // 5 % in all, shared by two; six standard deviations to each side.
  EXPECT_NEAR(asked[0] + asked[2], 0.05 * queries, 185);
  EXPECT_NEAR(asked[0], asked[2], 190);
}

TEST_F(PolicyTest, ServersThatAreDownComeLast) {
  for (const auto kind : {config::PolicyKind::sequential, config::PolicyKind::round_robin, config::PolicyKind::random,
                          config::PolicyKind::fastest}) {
    auto policy = make(kind);
    health[0].failed(Error::reset, now, 0);
    EXPECT_NE(policy.choose(servers, 0), 0U);
    EXPECT_EQ(policy.choose(servers, 0b110), 0U) << "better than nobody";
  }
}

TEST_F(PolicyTest, ServersThatAreSilentComeBehindThoseThatAnswer) {
  for (const auto kind : {config::PolicyKind::sequential, config::PolicyKind::round_robin, config::PolicyKind::random,
                          config::PolicyKind::fastest}) {
    auto policy = make(kind);
    health[0].set_silent(true);
    health[1].failed(Error::reset, now, 0);
    EXPECT_EQ(policy.choose(servers, 0), 2U);
    EXPECT_EQ(policy.choose(servers, 0b100), 0U) << "silent is better than down";
    EXPECT_EQ(policy.choose(servers, 0b101), 1U);
  }
}

TEST_F(PolicyTest, WhereAllAreSilentThePolicyIsAsBefore) {
  for (auto& server : health) server.set_silent(true);
  health[1].replied(1ms);
  health[2].replied(2ms);
  EXPECT_EQ(make(config::PolicyKind::sequential).choose(servers, 0), 0U);
  EXPECT_EQ(make(config::PolicyKind::fastest).choose(servers, 0), 1U);
}

TEST_F(PolicyTest, OfThoseThatAreDownTheOneThatIsTriedAgainFirst) {
  auto policy = make(config::PolicyKind::sequential);
  for (std::size_t i = 0; i < health.size(); ++i)
    health[i].failed(Error::reset, now + std::chrono::milliseconds(i == 1 ? 0 : 10), 0);
  EXPECT_EQ(policy.choose(servers, 0), 1U);
  EXPECT_EQ(policy.choose(servers, 0b010), 0U);
}

TEST_F(PolicyTest, SixteenServers) {
  const std::vector<const Health*> many(16, &health[0]);
  auto policy = make(config::PolicyKind::sequential);
  EXPECT_EQ(policy.choose(many, 0x7fff), 15U);
  EXPECT_EQ(policy.choose(many, 0xffff), std::nullopt);
  auto turns = make(config::PolicyKind::round_robin);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(turns.choose(many, 0), i);
}

}  // namespace
}  // namespace pillion::upstream
