#include "app/loop_pulse.hpp"

#include <gtest/gtest.h>

namespace pillion::app {
namespace {

using namespace std::chrono_literals;

class LoopPulseTest : public ::testing::Test {
 protected:
  static constexpr runtime::Time start{1h};
  void turn() {
    io.restart();
    io.poll();
  }
  boost::asio::io_context io{1};
  LoopPulse pulse{io};
};

TEST_F(LoopPulseTest, ALoopThatTurnsOwesNothing) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pulse.look(start + i * 1h), 0s);
    turn();
  }
}

TEST_F(LoopPulseTest, ALoopThatStandsOwesAnAnswerSinceItWasFirstAsked) {
  EXPECT_EQ(pulse.look(start), 0s);
  EXPECT_EQ(pulse.look(start + 10s), 10s);
  EXPECT_EQ(pulse.look(start + 20s), 20s);
  turn();
  EXPECT_EQ(pulse.look(start + 30s), 0s) << "it was busy";
  EXPECT_EQ(pulse.look(start + 31s), 1s);
}

TEST_F(LoopPulseTest, ALoopThatHasEndedIsNotWaitedFor) {
  EXPECT_EQ(pulse.look(start), 0s);
  pulse.end();
  EXPECT_EQ(pulse.look(start + 1h), 0s);
}

}  // namespace
}  // namespace pillion::app
