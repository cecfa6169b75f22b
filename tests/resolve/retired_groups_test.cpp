#include "resolve/retired_groups.hpp"

#include <gtest/gtest.h>

#include "resolve/fakes.hpp"
#include "resolve/resolver.hpp"
#include "support/silent_log.hpp"

namespace pillion::resolve {
namespace {

using namespace std::chrono_literals;
using testing::HandTurned;

/// A group whose queries and connections end when the test says so.
class EndingGroup final : public Group {
 public:
  void start() override {}
  void resolve(const dns::QueryView& /*query*/, Request& /*request*/) override {}
  void stop() override { ++stops; }
  [[nodiscard]] bool is_stopped() const override { return is_closed; }
  [[nodiscard]] bool trim() override {
    ++trims;
    return false;
  }
  [[nodiscard]] bool is_idle() const override { return idle; }
  [[nodiscard]] bool is_warm() const override { return true; }
  [[nodiscard]] bool is_down() const override { return false; }
  [[nodiscard]] std::optional<runtime::Time> recovered_at() const override { return std::nullopt; }

  bool idle = false;
  bool is_closed = false;
  int stops = 0;
  int trims = 0;
};

class RetiredGroupsTest : public ::testing::Test {
 protected:
  /// Retires a generation with one group. From then on only the retired groups own it.
  EndingGroup& retire() {
    auto ending = std::make_unique<EndingGroup>();
    auto& group = *ending;
    auto made = std::make_shared<UpstreamGroup>();
    made->group = std::move(ending);
    owners.push_back(made);
    retired.add({std::move(made)});
    return group;
  }

  HandTurned schedule;
  runtime::Gauge generations;
  RetiredGroups retired{schedule, generations};
  std::vector<std::weak_ptr<UpstreamGroup>> owners;
};

TEST_F(RetiredGroupsTest, OnlyTheOneInUseIsThereAtFirst) {
  EXPECT_EQ(generations.value(), 1);
  retired.add({});
  EXPECT_EQ(generations.value(), 1);
  EXPECT_TRUE(retired.are_stopped());
  EXPECT_EQ(schedule.deadline_count(), 0U);
}

TEST_F(RetiredGroupsTest, AGroupIsClosedWhenItsLastQueryHasEndedAndFreedWhenItsConnectionsAreGone) {
  auto& group = retire();
  EXPECT_EQ(generations.value(), 2);
  schedule.pass(1h);
  EXPECT_EQ(group.stops, 0);
  EXPECT_FALSE(retired.are_stopped());

  group.idle = true;
  schedule.pass(RetiredGroups::look_every);
  EXPECT_GE(group.stops, 1);
  EXPECT_FALSE(owners[0].expired());
  EXPECT_EQ(generations.value(), 2);

  group.is_closed = true;
  schedule.pass(RetiredGroups::look_every);
  EXPECT_TRUE(owners[0].expired());
  EXPECT_EQ(generations.value(), 1);
  EXPECT_EQ(schedule.deadline_count(), 0U);
}

TEST_F(RetiredGroupsTest, OneThatWaitsKeepsNoOther) {
  auto& first = retire();
  auto& second = retire();
  EXPECT_EQ(generations.value(), 3);
  second.idle = true;
  second.is_closed = true;
  schedule.pass(RetiredGroups::look_every);
  EXPECT_FALSE(owners[0].expired());
  EXPECT_TRUE(owners[1].expired());
  EXPECT_EQ(generations.value(), 2);
  EXPECT_EQ(first.stops, 0);
}

TEST_F(RetiredGroupsTest, StoppingClosesAllAtOnce) {
  auto& group = retire();
  retired.stop();
  EXPECT_EQ(group.stops, 1);
  EXPECT_FALSE(retired.are_stopped());
  group.is_closed = true;
  EXPECT_TRUE(retired.are_stopped());
}

TEST_F(RetiredGroupsTest, WhatAPeakHasLeftInAGroupThatWaitsIsGivenBack) {
  const auto setup_of = [](EndingGroup*& group) {
    auto ending = std::make_unique<EndingGroup>();
    group = ending.get();
    resolve::Setup setup;
    setup.groups.push_back(std::make_shared<UpstreamGroup>());
    setup.groups.back()->group = std::move(ending);
    setup.routes.push_back({.zone = {0}, .group = 0});
    return setup;
  };
  pillion::testing::SilentLog log;
  runtime::Random random;
  runtime::MemoryShares memory;
  EndingGroup* old = nullptr;
  EndingGroup* next = nullptr;
  Resolver resolver(schedule, random, log, memory, setup_of(old));
  resolver.replace(std::make_unique<Generation>(schedule, setup_of(next)));
  schedule.pass(RetiredGroups::look_every);
  EXPECT_FALSE(resolver.trim());
  EXPECT_EQ(old->trims, 1);
  EXPECT_EQ(next->trims, 1);
}

}  // namespace
}  // namespace pillion::resolve
