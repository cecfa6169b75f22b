#include "resolve/loop_probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resolve/fakes.hpp"

namespace pillion::resolve {
namespace {

using namespace std::chrono_literals;
using dns::testing::joined;
using dns::testing::labels_of;
using dns::testing::name_of;
using testing::BuiltQuery;
using ::testing::ElementsAre;
using testing::HandTurned;
using testing::HoldingGroup;

class CountingLog final : public runtime::Log {
 public:
  CountingLog() : Log(runtime::LogLevel::error) {}
  int lines = 0;

 private:
  void write(runtime::LogLevel, std::string_view, std::span<const runtime::Field>) override { ++lines; }
};

class LoopProbeTest : public ::testing::Test {
 protected:
  HandTurned schedule;
  HoldingGroup group;
  LoopProbe probe{schedule, 0x123456789ABCDEF0, group, "cluster", name_of("cluster.local")};
};

TEST_F(LoopProbeTest, AsksForANameThatNobodyElseKnows) {
  probe.start();
  LoopProbe other(schedule, 1, group, "cluster", name_of("cluster.local"));
  other.start();
  ASSERT_EQ(group.asked.size(), 2U);
  EXPECT_EQ(group.asked[0].type, dns::type::hinfo);
  EXPECT_TRUE(group.asked[0].name.ends_with(".cluster.local."));
  EXPECT_EQ(group.asked[0].name.find('.'), 16U);
  EXPECT_NE(group.asked[0].name, group.asked[1].name);
}

TEST_F(LoopProbeTest, KnowsTheQuestionOfAnotherShard) {
  HoldingGroup other_group;
  LoopProbe other(schedule, 0x123456789ABCDEF0, other_group, "cluster", name_of("cluster.local"));
  other.start();
  EXPECT_TRUE(probe.is_asked_by(BuiltQuery(other_group.asked[0].name, dns::type::hinfo).view()));
}

TEST_F(LoopProbeTest, KnowsItsOwnQuestionWhateverItsCase) {
  probe.start();
  auto name = group.asked[0].name;
  EXPECT_TRUE(probe.is_asked_by(BuiltQuery(name, dns::type::hinfo).view()));
  EXPECT_FALSE(probe.is_asked_by(BuiltQuery(name, dns::type::a).view()));
  EXPECT_FALSE(probe.is_asked_by(BuiltQuery("a." + name, dns::type::hinfo).view()));
  for (auto& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  EXPECT_TRUE(probe.is_asked_by(BuiltQuery(name, dns::type::hinfo).view()));
}

TEST_F(LoopProbeTest, AsksAgainAfterAFailureUntilStopped) {
  probe.start();
  group.fail();
  schedule.pass(LoopProbe::retry_after - 1ms);
  EXPECT_TRUE(group.asked.empty());
  schedule.pass(1ms);
  EXPECT_EQ(group.asked.size(), 1U);
  group.fail();
  probe.stop();
  schedule.pass(1h);
  EXPECT_TRUE(group.asked.empty());
}

TEST_F(LoopProbeTest, StoppedWhileItsQuestionIsUnderWay) {
  probe.start();
  probe.stop();
  group.fail();
  EXPECT_EQ(schedule.deadline_count(), 0U);
}

TEST_F(LoopProbeTest, AnyAnswerIsEnough) {
  probe.start();
  group.answer_with_address();
  EXPECT_EQ(schedule.deadline_count(), 0U);
}

TEST_F(LoopProbeTest, CountsEachAndTellsOfTheFirst) {
  ResolverMetrics metrics;
  CountingLog log;
  probe.found(metrics, log);
  probe.found(metrics, log);
  EXPECT_EQ(metrics.forwarding_loops.value(), 2U);
  EXPECT_EQ(log.lines, 1);
}

TEST_F(LoopProbeTest, AZoneWithoutRoomForTheLabelIsNotProbed) {
  LoopProbe crowded(schedule, 1, group, "cluster", joined({labels_of(3, 63), labels_of(1, 50), {0}}));
  crowded.start();
  EXPECT_TRUE(group.asked.empty());
}

}  // namespace
}  // namespace pillion::resolve
