#include "server/turn_queue.hpp"

#include <functional>
#include <string>
#include <vector>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

#include "support/silent_log.hpp"

namespace pillion::server {
namespace {
using ::testing::ElementsAre;

/// Notes in `order` that it went on.
class Waiter final : public TurnWaiter {
 public:
  Waiter(std::string name, std::vector<std::string>& order) : name_(std::move(name)), order_(order) {}
  void stop() { stop_waiting_for_turn(); }
  std::function<void()> then = [] {};

 private:
  void go_on() override {
    order_.push_back(name_);
    then();
  }
  std::string name_;
  std::vector<std::string>& order_;
};

/// Output of the turn.
class Output final : public runtime::Flushable {
 public:
  explicit Output(std::vector<std::string>& order) : order_(order) {}

 private:
  void flush() override { order_.emplace_back("output"); }
  std::vector<std::string>& order_;
};

class TurnQueueTest : public ::testing::Test {
 protected:
  /// All that one turn may handle has been handled in this one.
  void use_up() {
    for (std::size_t i = 0; i < TurnWork::max_queries; ++i) turns.work().note_answered_query(loop.turn());
  }

  pillion::testing::SilentLog log;
  runtime::Loop loop{log};
  TurnQueue turns{loop};
  std::vector<std::string> order;
  Waiter first{"first", order}, second{"second", order}, third{"third", order};
};

TEST_F(TurnQueueTest, OutputLeavesBeforeAnyoneGoesOn) {
  Output output(order);
  boost::asio::post(loop.io(), [&] {
    turns.wait(first);
    loop.schedule(output);
  });
  loop.run();
  EXPECT_THAT(order, ElementsAre("output", "first"));
}

TEST_F(TurnQueueTest, WhoWaitsFirstGoesOnFirstAndOnce) {
  boost::asio::post(loop.io(), [&] {
    turns.wait(second);
    turns.wait(first);
    turns.wait(second);
  });
  loop.run();
  EXPECT_THAT(order, ElementsAre("second", "first"));
}

TEST_F(TurnQueueTest, NewOnesGoOnBeforeTheOthers) {
  std::uint64_t turn_of_new = 0;
  std::uint64_t turn_of_other = 0;
  first.then = [&] { turn_of_other = loop.turn(); };
  second.then = [&] {
    turn_of_new = loop.turn();
    use_up();
  };
  boost::asio::post(loop.io(), [&] {
    turns.wait(first);
    turns.wait_as_new(second);
    turns.wait_as_new(third);
  });
  loop.run();
  EXPECT_THAT(order, ElementsAre("second", "third", "first"));
  EXPECT_GT(turn_of_other, turn_of_new) << "the turn has handled enough";
}

TEST_F(TurnQueueTest, TheOthersFollowInTheNextTurnsOnceATurnHasDoneEnough) {
  std::vector<std::uint64_t> at;
  for (auto* waiter : {&first, &second, &third}) {
    waiter->then = [&] {
      at.push_back(loop.turn());
      use_up();
    };
  }
  boost::asio::post(loop.io(), [&] {
    for (auto* waiter : {&first, &second, &third}) turns.wait(*waiter);
  });
  loop.run();
  EXPECT_THAT(order, ElementsAre("first", "second", "third"));
  EXPECT_THAT(at, ElementsAre(at[0], at[0] + 1, at[0] + 2));
}

TEST_F(TurnQueueTest, WhoWaitsAgainComesAfterTheOthersAndInAnotherTurn) {
  int rounds = 0;
  first.then = [&] {
    if (++rounds < 3) turns.wait(first);
  };
  boost::asio::post(loop.io(), [&] {
    turns.wait(first);
    turns.wait(second);
  });
  loop.run();
  EXPECT_THAT(order, ElementsAre("first", "second", "first", "first"));
}

TEST_F(TurnQueueTest, OneMayTakeOutAnotherOrEnd) {
  auto leaving = std::make_unique<Waiter>("leaving", order);
  first.then = [&] {
    second.stop();
    leaving.reset();
  };
  boost::asio::post(loop.io(), [&] {
    turns.wait(first);
    turns.wait(second);
    turns.wait(*leaving);
    turns.wait(third);
  });
  loop.run();
  EXPECT_THAT(order, ElementsAre("first", "third"));
}

}  // namespace
}  // namespace pillion::server
