#include "server/client_memory.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <numeric>
#include <utility>

#include <gtest/gtest.h>

#include "support/hand_turned.hpp"

namespace pillion::server {
namespace {

using namespace std::chrono_literals;
using runtime::MemoryUse;

/// A session that holds what the test says.
class Holder final : public MemoryHolder {
 public:
  Holder(ClientMemory& memory, AddressMemory& address) : MemoryHolder(memory), address_(address) {}
  ~Holder() { give_back(); }

  void hold(MemoryUse use, std::size_t bytes, runtime::Time since) {
    auto& held = of(use);
    share(use).give(held.bytes);
    share(use).take_anyway(bytes);
    held = {.bytes = bytes, .since = since};
    memory_.set_held(*this, address_, use, bytes);
  }
  [[nodiscard]] runtime::Time held_since(MemoryUse use) const override {
    return use == MemoryUse::input ? input_.since : output_.since;
  }
  void drop_for_memory() override {
    give_back();
    ++dropped;
  }
  void room_for_input() override { ++told; }

  int dropped = 0;
  int told = 0;

 private:
  struct Held {
    std::size_t bytes = 0;
    runtime::Time since;
  };
  Held& of(MemoryUse use) { return use == MemoryUse::input ? input_ : output_; }
  runtime::MemoryShare& share(MemoryUse use) { return use == MemoryUse::input ? memory_.input() : memory_.output(); }
  void give_back() {
    hold(MemoryUse::input, 0, {});
    hold(MemoryUse::output, 0, {});
  }

  AddressMemory& address_;
  Held input_;
  Held output_;
};

class ClientMemoryTest : public ::testing::Test {
 protected:
  ClientMemoryTest() {
    for (int i = 0; i < 4; ++i) holders.emplace_back(memory, one);
  }
  [[nodiscard]] runtime::Time now() { return time.clock().now(); }

  /// `count` sessions of `address` that hold `bytes` each since now.
  std::deque<Holder>& sessions(AddressMemory& address, int count, MemoryUse use, std::size_t bytes) {
    auto& all = groups.emplace_back();
    for (int i = 0; i < count; ++i) all.emplace_back(memory, address).hold(use, bytes, now());
    return all;
  }
  [[nodiscard]] static int dropped(const std::deque<Holder>& all) {
    return std::transform_reduce(all.begin(), all.end(), 0, std::plus<>(), std::mem_fn(&Holder::dropped));
  }

  pillion::testing::HandTurned time;
  // Of 16 MiB: 2 for input, 4 for output.
  runtime::MemoryShares shares{runtime::divide_memory(16UL << 20U, 0), 1};
  ClientMemory memory{time, shares};
  std::deque<AddressMemory> addresses{25};
  AddressMemory& one = addresses.emplace_back();
  std::deque<Holder> holders;  // of the same address
  std::deque<std::deque<Holder>> groups;
  Holder asker{memory, one};
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
  EXPECT_EQ(dropped(holders), 2);
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
  memory.give_up(holders[0]);
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
  for (int i = 0; i < 1000; ++i) memory.wait_for_input(many.emplace_back(memory, one));
  time.pass(150ms);
  int told = 0;
  for (const auto& holder : many) told += holder.told;
  EXPECT_GT(told, 0);
  EXPECT_LT(told, 100);
  EXPECT_EQ(many.back().told, 1);  // the last one first
}

TEST_F(ClientMemoryTest, WhoIsDestroyedIsForgotten) {
  {
    Holder gone(memory, one);
    gone.hold(MemoryUse::output, all_output, now());
    memory.wait_for_input(gone);
  }
  memory.input_given_back();
  time.pass(1s);
  EXPECT_TRUE(memory.make_room(MemoryUse::output, 1000, asker));
}

TEST_F(ClientMemoryTest, WhoHasManySessionsIsDroppedForWhoHasOne) {
  std::deque<Holder> modest;
  for (std::size_t i = 0; i < 20; ++i)
    modest.emplace_back(memory, addresses[i]).hold(MemoryUse::output, all_output / 40, now());
  time.pass(5s);
  // Each of these holds less than a modest one, and for a shorter time.
  auto& greedy = sessions(addresses[20], 120, MemoryUse::output, all_output / 240);
  for (auto& each : modest) EXPECT_TRUE(memory.make_room(MemoryUse::output, all_output / 120, each));
  EXPECT_EQ(dropped(modest), 0);
  EXPECT_EQ(dropped(greedy), 2);
}

TEST_F(ClientMemoryTest, WhoHoldsLessThanOthersIsNotDroppedForTheirNewSessions) {
  holders[0].hold(MemoryUse::output, all_output / 10, now());
  time.pass(5s);
  auto& greedy = sessions(addresses[0], 9, MemoryUse::output, all_output / 10);
  Holder newcomer(memory, addresses[0]);
  EXPECT_TRUE(memory.make_room(MemoryUse::output, all_output / 2, newcomer));
  EXPECT_EQ(holders[0].dropped, 0);
  EXPECT_GE(dropped(greedy), 4);
}

TEST_F(ClientMemoryTest, HalfMessagesAreSharedAmongAddressesToo) {
  holders[0].hold(MemoryUse::input, all_input / 10, now());
  time.pass(5s);
  auto& greedy = sessions(addresses[0], 90, MemoryUse::input, all_input / 100);
  EXPECT_FALSE(memory.make_room(MemoryUse::input, 1000, asker)) << "nobody has had a second, or holds an equal part";
  EXPECT_EQ(holders[0].dropped, 0);
  time.pass(ClientMemory::input_grace);
  EXPECT_TRUE(memory.make_room(MemoryUse::input, 1000, asker));
  EXPECT_EQ(dropped(greedy), 1);
}

TEST_F(ClientMemoryTest, WhoHoldsAnEqualPartIsDroppedIfTheFirstHasItsGrace) {
  holders[0].hold(MemoryUse::input, 2 * all_input / 5, now());
  time.pass(5s);
  sessions(addresses[0], 1, MemoryUse::input, 2 * all_input / 5);
  sessions(addresses[1], 1, MemoryUse::input, all_input / 5);
  EXPECT_TRUE(memory.make_room(MemoryUse::input, 1000, asker));
  EXPECT_EQ(holders[0].dropped, 1);
}

TEST_F(ClientMemoryTest, OfManySessionsAFewAreComparedAtATime) {
  auto& greedy = sessions(addresses[0], 1000, MemoryUse::input, all_input / 1000);
  time.pass(500ms);
  // The only one that is past its grace.
  greedy[500].hold(MemoryUse::input, all_input / 1000 + 500, now() - 2s);
  int tries = 1;
  while (!memory.make_room(MemoryUse::input, 1000, asker) && tries < 100) ++tries;
  EXPECT_EQ(greedy[500].dropped, 1);
  EXPECT_GT(tries, 5);
  EXPECT_EQ(dropped(greedy), 1);
}

}  // namespace
}  // namespace pillion::server
