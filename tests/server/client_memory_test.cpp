#include "server/client_memory.hpp"

#include <chrono>
#include <deque>
#include <utility>

#include <gtest/gtest.h>

#include "support/hand_turned.hpp"

namespace pillion::server {
namespace {

using namespace std::chrono_literals;
using runtime::MemoryUse;

/// A client that holds the memory that the test chooses.
class Holder final : public MemoryHolder {
 public:
  explicit Holder(runtime::MemoryShares& shares) : shares_(shares) {}
  ~Holder() { give_back(); }

  void hold(MemoryUse use, std::size_t bytes, runtime::Time since) {
    share(use).take_anyway(bytes);
    of(use) = {.bytes = bytes, .since = since};
  }
  [[nodiscard]] Held held(MemoryUse use) const override { return use == MemoryUse::input ? input_ : output_; }
  void drop_for_memory() override {
    give_back();
    ++dropped;
  }
  void room_for_input() override { ++told; }

  int dropped = 0;
  int told = 0;

 private:
  Held& of(MemoryUse use) { return use == MemoryUse::input ? input_ : output_; }
  runtime::MemoryShare& share(MemoryUse use) { return use == MemoryUse::input ? shares_.input : shares_.output; }
  void give_back() {
    shares_.input.give(std::exchange(input_.bytes, 0));
    shares_.output.give(std::exchange(output_.bytes, 0));
  }

  runtime::MemoryShares& shares_;
  Held input_;
  Held output_;
};

class ClientMemoryTest : public ::testing::Test {
 protected:
  ClientMemoryTest() {
    for (int i = 0; i < 4; ++i) {
      holders.emplace_back(shares);
      memory.start_holding(holders.back());
    }
  }
  [[nodiscard]] runtime::Time now() { return time.clock().now(); }

  pillion::testing::HandTurned time;
  // Of these 1.6 MiB, 0.2 are for input and 0.4 for output.
  runtime::MemoryShares shares{runtime::divide_memory(16UL << 20U, 0), 1};
  ClientMemory memory{time, shares};
  std::deque<Holder> holders;
  Holder asker{shares};
};

constexpr std::size_t all_output = std::size_t{4} << 20U;
constexpr std::size_t all_input = std::size_t{2} << 20U;

TEST_F(ClientMemoryTest, WhereThereIsRoomNobodyIsDropped) {
  holders[0].hold(MemoryUse::output, all_output / 2, now());
  EXPECT_TRUE(memory.make_room(MemoryUse::output, all_output / 2, asker));
  EXPECT_EQ(holders[0].dropped, 0);
}

TEST_F(ClientMemoryTest, WhoHoldsTheMostIsDropped) {
  holders[0].hold(MemoryUse::output, 1000, now());
  holders[1].hold(MemoryUse::output, all_output - 2000, now());
  holders[2].hold(MemoryUse::output, 1000, now());
  EXPECT_TRUE(memory.make_room(MemoryUse::output, 5000, asker));
  EXPECT_EQ(holders[0].dropped, 0);
  EXPECT_EQ(holders[1].dropped, 1);
  EXPECT_EQ(holders[2].dropped, 0);
}

TEST_F(ClientMemoryTest, WhoReadsIsSparedForWhoDoesNot) {
  const auto start = now();
  time.pass(5s);
  holders[0].hold(MemoryUse::output, 3 * all_output / 4, now());  // has just taken memory
  holders[1].hold(MemoryUse::output, all_output / 4, start);
  EXPECT_TRUE(memory.make_room(MemoryUse::output, 5000, asker));
  EXPECT_EQ(holders[0].dropped, 0);
  EXPECT_EQ(holders[1].dropped, 1);
}

TEST_F(ClientMemoryTest, NoMoreAreDroppedThanItTakes) {
  for (auto& holder : holders) holder.hold(MemoryUse::output, all_output / 4, now());
  EXPECT_TRUE(memory.make_room(MemoryUse::output, all_output / 3, asker));
  int dropped = 0;
  for (const auto& holder : holders) dropped += holder.dropped;
  EXPECT_EQ(dropped, 2);
}

TEST_F(ClientMemoryTest, TheWorstGetsNothingForItself) {
  holders[0].hold(MemoryUse::output, all_output - 1000, now());
  holders[1].hold(MemoryUse::output, 1000, now());
  EXPECT_FALSE(memory.make_room(MemoryUse::output, 5000, holders[0]));
  EXPECT_EQ(holders[0].dropped, 0);
  EXPECT_EQ(holders[1].dropped, 0);
}

TEST_F(ClientMemoryTest, WhoHasStoppedHoldingIsNotLookedAt) {
  holders[0].hold(MemoryUse::output, all_output, now());
  memory.stop_holding(holders[0]);
  EXPECT_FALSE(memory.make_room(MemoryUse::output, 1, asker));
  EXPECT_EQ(holders[0].dropped, 0);
}

TEST_F(ClientMemoryTest, OneShareIsNotTakenForTheOther) {
  holders[0].hold(MemoryUse::output, all_output, now());
  holders[1].hold(MemoryUse::input, all_input / 2, now());
  EXPECT_TRUE(memory.make_room(MemoryUse::input, 1000, asker));
  EXPECT_EQ(holders[0].dropped + holders[1].dropped, 0);
}

TEST_F(ClientMemoryTest, AMessageHasASecondToBecomeWhole) {
  holders[0].hold(MemoryUse::input, all_input, now());
  EXPECT_FALSE(memory.make_room(MemoryUse::input, 1000, asker));
  time.pass(ClientMemory::input_grace);
  EXPECT_TRUE(memory.make_room(MemoryUse::input, 1000, asker));
  EXPECT_EQ(holders[0].dropped, 1);
}

TEST_F(ClientMemoryTest, WhoWaitsForInputIsToldWhenThereMayBeSome) {
  memory.wait_for_input(asker);
  EXPECT_TRUE(ClientMemory::is_waiting(asker));
  memory.input_given_back();
  EXPECT_EQ(asker.told, 1);
  EXPECT_FALSE(ClientMemory::is_waiting(asker));
  memory.input_given_back();
  EXPECT_EQ(asker.told, 1);
}

TEST_F(ClientMemoryTest, WhoWaitsForInputIsToldAfterAWhileAnyway) {
  memory.wait_for_input(asker);
  time.pass(1s);
  EXPECT_EQ(asker.told, 1);
}

TEST_F(ClientMemoryTest, WhoWaitsIsNotToldWhileNothingCanBeHad) {
  holders[0].hold(MemoryUse::input, all_input, now());
  memory.wait_for_input(asker);
  time.pass(900ms);
  EXPECT_EQ(asker.told, 0);
  time.pass(300ms);  // from now on the first holder may be dropped
  EXPECT_EQ(asker.told, 1);
}

TEST_F(ClientMemoryTest, ThousandsWhoWaitAreToldAFewAtATime) {
  std::deque<Holder> many;
  for (int i = 0; i < 1000; ++i) memory.wait_for_input(many.emplace_back(shares));
  time.pass(150ms);
  int told = 0;
  for (const auto& holder : many) told += holder.told;
  EXPECT_GT(told, 0);
  EXPECT_LT(told, 100);
  EXPECT_EQ(many.back().told, 1);  // the last one first
}

TEST_F(ClientMemoryTest, WhoIsDestroyedIsForgotten) {
  {
    Holder gone(shares);
    memory.start_holding(gone);
    memory.wait_for_input(gone);
  }
  memory.input_given_back();
  time.pass(1s);
  EXPECT_TRUE(memory.make_room(MemoryUse::output, 1000, asker));
}

}  // namespace
}  // namespace pillion::server
