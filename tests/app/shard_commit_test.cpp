// What a shard does with a generation when it is told to use it.

#include <optional>

#include <gtest/gtest.h>

#include "app/bind_addresses.hpp"
#include "app/shard.hpp"
#include "app/shard_runner.hpp"

namespace pillion::app {
namespace {

using testing::make_config;

class ShardCommitTest : public ::testing::Test {
 protected:
  /// Has the next plan prepared: of two upstreams, where the one in use has one.
  void prepare() {
    auto config = plan->config;
    config.upstreams.push_back(config.upstreams.front());
    config.upstreams.back().name = "another";
    shard.prepare(make_plan(std::move(config), plan.get()), {}, {}, [](const auto& error) { EXPECT_FALSE(error); });
  }
  void commit() {
    shard.commit([](int) {},
                 [this](const ShardUpstreams* upstreams) { committed.push_back(upstreams ? upstreams->size() : 0); });
  }
  void drain() {
    shard.drain({}, [](std::uint64_t) {});
  }

  testing::RecordingLog log;
  std::shared_ptr<const Plan> plan = make_plan(make_config(config::Protocol::tcp, {9}), nullptr);
  SharedParts shared{plan->config};
  Shard shard{*plan, std::move(bind_addresses(plan->config.dns.listen, 1).front()), shared, log};
  std::vector<std::size_t> committed;  // the upstreams at each commit; 0 where it was none
};

TEST_F(ShardCommitTest, WhatWasPreparedIsUsedOnce) {
  shard.start();
  prepare();
  commit();
  commit();
  drain();
  shard.run();
  EXPECT_EQ(committed, (std::vector<std::size_t>{2, 0}));
}

TEST_F(ShardCommitTest, ADrainThatBeginsBeforeLeavesAllAsItIs) {
  shard.start();
  prepare();
  drain();
  commit();
  shard.run();
  EXPECT_EQ(committed, std::vector<std::size_t>{0});
  EXPECT_EQ(shard.upstreams().size(), 1U);
}

}  // namespace
}  // namespace pillion::app
