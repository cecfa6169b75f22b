#include "runtime/loop.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "runtime/random.hpp"
#include "support/silent_log.hpp"

namespace pillion::runtime {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

class Sink final : public Flushable {
 public:
  void flush() override {
    ++flushes;
    if (on_flush) on_flush();
  }
  int flushes = 0;
  std::function<void()> on_flush;
};

class Alarm final : public Deadline {
 public:
  explicit Alarm(std::function<void()> action) : action_(std::move(action)) {}
  void expired(Time) override { action_(); }

 private:
  std::function<void()> action_;
};

struct SocketPair {
  explicit SocketPair(asio::io_context& io) : here(io), there(io) {}
  asio::local::stream_protocol::socket here;
  asio::local::stream_protocol::socket there;
};

class LoopTest : public ::testing::Test {
 protected:
  pillion::testing::SilentLog log;
  Loop loop{log};
};

[[noreturn]] void fail() {
  throw std::runtime_error("injected");
}

TEST_F(LoopTest, WhatAHandlerThrowsEndsNeitherTheLoopNorOtherHandlers) {
  int handled = 0;
  for (int i = 0; i < 3; ++i) {
    asio::post(loop.io(), fail);
    asio::post(loop.io(), [&] { ++handled; });
  }
  loop.run();
  EXPECT_EQ(handled, 3);
  EXPECT_EQ(loop.internal_errors().count().value(), 3U);
}

TEST_F(LoopTest, WhatAFlushThrowsLeavesTheOthersTheirs) {
  Sink bad;
  Sink good;
  bad.on_flush = fail;
  asio::post(loop.io(), [&] {
    loop.schedule(bad);
    loop.schedule(good);
  });
  loop.run();
  EXPECT_EQ(bad.flushes, 1);
  EXPECT_EQ(good.flushes, 1);
  EXPECT_EQ(loop.internal_errors().count().value(), 1U);
}

TEST_F(LoopTest, WhatADeadlineThrowsLeavesTheOthersTheirs) {
  Alarm bad(fail);
  int fired = 0;
  Alarm good([&] { ++fired; });
  Alarm later([&] { loop.release_timer(); });
  asio::post(loop.io(), [&] {
    const auto now = loop.clock().refresh();
    loop.set_deadline(bad, now);
    loop.set_deadline(good, now);
    loop.set_deadline(later, now + 1ms);
  });
  loop.run();
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(loop.internal_errors().count().value(), 1U);
}

TEST_F(LoopTest, WhatATaskThrowsIsCounted) {
  loop.tasks().spawn(
      []() -> asio::awaitable<void> {
        co_await asio::post(asio::use_awaitable);
        fail();
      }(),
      "test");
  loop.run();
  EXPECT_EQ(loop.internal_errors().count().value(), 1U);
  EXPECT_EQ(loop.tasks().size(), 0U);
}

TEST_F(LoopTest, FlushesOnceATurnAfterEverythingThatWasReady) {
  Sink sink;
  int handled = 0;
  sink.on_flush = [&] { EXPECT_EQ(handled, 10); };
  for (int i = 0; i < 10; ++i) {
    asio::post(loop.io(), [&] {
      ++handled;
      loop.schedule(sink);
      loop.schedule(sink);
    });
  }
  loop.run();
  EXPECT_EQ(sink.flushes, 1);
}

TEST_F(LoopTest, FlushesInTheOrderOfScheduling) {
  std::vector<int> order;
  Sink first;
  Sink second;
  first.on_flush = [&] { order.push_back(1); };
  second.on_flush = [&] { order.push_back(2); };
  loop.schedule(second);
  loop.schedule(first);
  loop.run();
  EXPECT_EQ(order, (std::vector{2, 1}));
}

TEST_F(LoopTest, FlushesTheLastOnesAfterTheOthers) {
  std::vector<int> order;
  Sink last;
  Sink first;
  Sink second;
  last.on_flush = [&] { order.push_back(3); };
  first.on_flush = [&] { order.push_back(1); };
  second.on_flush = [&] { order.push_back(2); };
  loop.schedule_last(last);
  loop.schedule(first);
  loop.schedule(second);
  loop.run();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST_F(LoopTest, AFlushMayScheduleALastOneOfTheSameTurn) {
  Sink first;
  Sink last;
  std::uint64_t turn = 0;
  first.on_flush = [&] {
    turn = loop.turn();
    loop.schedule_last(last);
  };
  last.on_flush = [&] {
    EXPECT_EQ(loop.turn(), turn);
    if (last.flushes == 1) loop.schedule_last(last);
    ++turn;
  };
  loop.schedule(first);
  loop.run();
  EXPECT_EQ(last.flushes, 2);
}

TEST_F(LoopTest, ALastOneMayBeWithdrawn) {
  Sink first;
  Sink last;
  first.on_flush = [&] { loop.unschedule(last); };
  loop.schedule_last(last);
  loop.schedule(first);
  loop.run();
  EXPECT_EQ(last.flushes, 0);
}

TEST_F(LoopTest, WhatIsScheduledByAFlushComesInTheNextTurn) {
  Sink first;
  Sink second;
  bool handled = false;
  asio::post(loop.io(), [&] { loop.schedule(first); });
  first.on_flush = [&] {
    if (first.flushes > 1) return loop.release_timer();
    loop.schedule(first);
    loop.schedule(second);
    asio::post(loop.io(), [&] {
      handled = true;
      EXPECT_EQ(first.flushes, 1);
      EXPECT_EQ(second.flushes, 0);
    });
  };
  Alarm alarm([] {});
  loop.set_deadline(alarm, loop.clock().now() + 1h);
  loop.run();
  EXPECT_TRUE(handled);
  EXPECT_EQ(first.flushes, 2);
  EXPECT_EQ(second.flushes, 1);
}

TEST_F(LoopTest, DoesNotWaitForTheKernelWhereAFlushHasMoreToDo) {
  // The outstanding timer fires in an hour: a loop that waited for it would miss turns.
  Alarm alarm([] {});
  loop.set_deadline(alarm, loop.clock().now() + 1h);
  Sink sink;
  bool posted = false;
  sink.on_flush = [&] {
    if (sink.flushes < 3) return loop.schedule(sink);
    asio::post(loop.io(), [&] {
      posted = true;
      loop.release_timer();
    });
  };
  loop.schedule(sink);
  loop.run();
  EXPECT_EQ(sink.flushes, 3);
  EXPECT_TRUE(posted);
}

TEST_F(LoopTest, DoesNotFlushWhatWasUnscheduled) {
  Sink kept;
  auto gone = std::make_unique<Sink>();
  loop.schedule(*gone);
  loop.schedule(kept);
  loop.unschedule(*gone);
  loop.unschedule(*gone);
  gone.reset();
  loop.run();
  EXPECT_EQ(kept.flushes, 1);
}

TEST_F(LoopTest, AFlushMayUnscheduleAnotherOfTheSameTurn) {
  Sink first;
  auto second = std::make_unique<Sink>();
  Sink third;
  first.on_flush = [&] {
    loop.unschedule(*second);
    second.reset();
  };
  loop.schedule(first);
  loop.schedule(*second);
  loop.schedule(third);
  loop.run();
  EXPECT_EQ(third.flushes, 1);
}

TEST_F(LoopTest, MayBeScheduledAgainAfterUnscheduling) {
  Sink sink;
  loop.schedule(sink);
  loop.unschedule(sink);
  loop.schedule(sink);
  loop.run();
  EXPECT_EQ(sink.flushes, 1);
}

TEST_F(LoopTest, DeadlinesFireInOrderAndNotEarly) {
  const auto began = loop.clock().refresh();
  std::vector<int> order;
  Alarm late([&] { order.push_back(2); });
  Alarm early([&] {
    order.push_back(1);
    EXPECT_GE(loop.clock().now(), began + 5ms);
  });
  loop.set_deadline(late, began + 15ms);
  loop.set_deadline(early, began + 5ms);
  loop.run();
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_GE(Clock::now(), began + 15ms);
}

TEST_F(LoopTest, ADeadlineMayBeSetFromWithinAnother) {
  int fired = 0;
  Alarm second([&] { ++fired; });
  Alarm first([&] {
    ++fired;
    loop.set_deadline(second, loop.clock().now() + 1ms);
  });
  loop.set_deadline(first, loop.clock().now());
  loop.run();
  EXPECT_EQ(fired, 2);
}

TEST_F(LoopTest, AfterAPauseDeadlinesComeAfterAllThatArrivedMeanwhile) {
  std::size_t readable = 0;
  std::size_t readable_before = 0;
  Alarm late([&] { readable_before = readable; });
  loop.set_deadline(late, Clock::now() - 2s);
  std::vector<std::unique_ptr<SocketPair>> pairs;
  for (int i = 0; i < 300; ++i) {
    auto& [here, there] = *pairs.emplace_back(std::make_unique<SocketPair>(loop.io()));
    asio::local::connect_pair(here, there);
    here.async_wait(asio::socket_base::wait_read, [&](const boost::system::error_code&) { ++readable; });
    asio::write(there, asio::buffer("x", 1));
  }
  loop.run();
  EXPECT_EQ(readable_before, pairs.size());
}

TEST_F(LoopTest, AfterAPauseDeadlinesDoNotWaitForEverForEvents) {
  SocketPair pair(loop.io());
  asio::local::connect_pair(pair.here, pair.there);
  bool is_over = false;
  std::function<void()> send_and_wait = [&] {
    if (is_over) return;
    char byte = 0;
    asio::write(pair.there, asio::buffer(&byte, 1));
    pair.here.async_wait(asio::socket_base::wait_read, [&](const boost::system::error_code&) {
      char taken = 0;
      asio::read(pair.here, asio::buffer(&taken, 1));
      send_and_wait();
    });
  };
  send_and_wait();
  Alarm late([&] { is_over = true; });
  loop.set_deadline(late, Clock::now() - 2s);
  loop.run();
  EXPECT_TRUE(is_over);
}

TEST_F(LoopTest, AClearedDeadlineDoesNotFireAndTheTimerCanBeReleased) {
  bool fired = false;
  Alarm alarm([&] { fired = true; });
  loop.set_deadline(alarm, loop.clock().now() + 1h);
  loop.clear_deadline(alarm);
  loop.release_timer();
  loop.run();  // would last an hour
  EXPECT_FALSE(fired);
}

TEST(Random, StaysInItsRange) {
  Random random;
  double sum = 0;
  constexpr int draws = 10'000;
  for (int i = 0; i < draws; ++i) {
    const auto value = random.unit();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / draws, 0.5, 0.02);  // seven standard deviations
}

TEST(Random, DrawsEveryBit) {
  Random random;
  std::uint16_t ones = 0;
  std::uint16_t zeros = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto value = random.u16();
    ones |= value;
    zeros |= static_cast<std::uint16_t>(~value);
  }
  EXPECT_EQ(ones, 0xffff);
  EXPECT_EQ(zeros, 0xffff);
}

}  // namespace
}  // namespace pillion::runtime
