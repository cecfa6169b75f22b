// A shard with a new generation, which it is told to use or to drop.

#include <chrono>
#include <future>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "app/bind_addresses.hpp"
#include "app/shard.hpp"
#include "app/shard_runner.hpp"

namespace pillion::app {
namespace {

using testing::make_config;

class ShardCommitTest : public ::testing::Test {
 protected:
  /// Prepares the next plan, which has two upstreams; the plan in use has one.
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
  std::vector<std::size_t> committed;  // the number of upstreams at each commit; 0 if there was no generation
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

TEST(ShardDiscard, WhetherAServerIsUpIsAgainWhatTheGenerationInUseKnows) {
  const testing::TlsSetup setup;
  testing::ShardRunner runner(setup.config);
  ASSERT_EQ(testing::ask(runner, "www.example").answers, 1);
  auto config = setup.config;
  const test::CertificateAuthority another;
  config.upstreams.front().tls.ca_file = setup.directory.write("another.pem", another.certificate_pem());
  std::promise<std::optional<std::string>> prepared;
  runner.shard().prepare(make_plan(std::move(config), nullptr), {}, std::chrono::minutes(1),
                         [&](auto error) { prepared.set_value(std::move(error)); });
  ASSERT_EQ(prepared.get_future().get(), std::nullopt);
  EXPECT_EQ(runner.upstream().up.value(), 0) << "the server's certificate is of no CA that it trusts";
  runner.shard().discard();
  EXPECT_TRUE(testing::eventually([&] { return runner.upstream().up.value() == 1; }));
  EXPECT_EQ(testing::ask(runner, "other.example").answers, 1);
}

}  // namespace
}  // namespace pillion::app
