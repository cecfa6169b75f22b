#include "runtime/deadline_heap.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pillion::runtime {
namespace {

using namespace std::chrono_literals;

const Time start = Time{} + 1h;

class Probe final : public Deadline {
 public:
  void expired(Time now) override {
    fired.push_back(now);
    if (on_expiry) on_expiry(now);
  }
  std::vector<Time> fired;
  std::function<void(Time)> on_expiry;
};

TEST(DeadlineHeap, FiresWhatIsDueTheEarliestFirst) {
  DeadlineHeap heap;
  std::deque<Probe> probes(5);
  std::vector<int> order;
  const std::vector<std::chrono::milliseconds> at{30ms, 10ms, 50ms, 20ms, 40ms};
  for (std::size_t i = 0; i < probes.size(); ++i) {
    heap.set(probes[i], start + at[i]);
    probes[i].on_expiry = [&order, i](Time) { order.push_back(static_cast<int>(i)); };
  }
  EXPECT_EQ(heap.next(), start + 10ms);
  heap.expire(start + 9ms);
  EXPECT_TRUE(order.empty());
  heap.expire(start + 30ms);
  EXPECT_EQ(order, (std::vector{1, 3, 0}));
  EXPECT_FALSE(probes[1].is_set());
  EXPECT_EQ(probes[1].fired, std::vector{start + 30ms});
  EXPECT_EQ(heap.next(), start + 40ms);
  EXPECT_EQ(heap.size(), 2U);
}

TEST(DeadlineHeap, MovesAndClears) {
  DeadlineHeap heap;
  Probe first;
  Probe second;
  heap.set(first, start + 1s);
  heap.set(second, start + 2s);
  heap.set(first, start + 3s);
  EXPECT_EQ(first.at(), start + 3s);
  EXPECT_EQ(heap.next(), start + 2s);
  heap.clear(second);
  heap.clear(second);
  EXPECT_FALSE(second.is_set());
  EXPECT_EQ(heap.next(), start + 3s);
  heap.set(first, start);
  EXPECT_EQ(heap.next(), start);
  heap.clear(first);
  EXPECT_EQ(heap.next(), std::nullopt);
}

TEST(DeadlineHeap, ForgetsWhatIsDestroyed) {
  DeadlineHeap heap;
  auto probe = std::make_unique<Probe>();
  Probe other;
  heap.set(*probe, start);
  heap.set(other, start + 1s);
  probe.reset();
  EXPECT_EQ(heap.size(), 1U);
  heap.expire(start + 1s);
  EXPECT_EQ(other.fired.size(), 1U);
}

TEST(DeadlineHeap, MayBeSetAnewFromWithin) {
  DeadlineHeap heap;
  Probe probe;
  probe.on_expiry = [&](Time now) { heap.set(probe, now); };  // due at once: must not fire for ever
  heap.set(probe, start);
  heap.expire(start);
  EXPECT_EQ(probe.fired.size(), 1U);
  EXPECT_TRUE(probe.is_set());
  heap.expire(start);
  EXPECT_EQ(probe.fired.size(), 2U);
}

TEST(DeadlineHeap, ClearsFromWithinWhatIsDueToo) {
  DeadlineHeap heap;
  Probe first;
  Probe second;
  Probe third;
  first.on_expiry = [&](Time) { heap.clear(second); };
  heap.set(first, start);
  heap.set(second, start + 1ms);
  heap.set(third, start + 2ms);
  heap.expire(start + 1s);
  EXPECT_TRUE(second.fired.empty());
  EXPECT_EQ(third.fired.size(), 1U);
}

TEST(DeadlineHeap, PutsOffFromWithinWhatIsDueToo) {
  DeadlineHeap heap;
  Probe first;
  Probe second;
  first.on_expiry = [&](Time now) { heap.set(second, now + 1s); };
  heap.set(first, start);
  heap.set(second, start + 1ms);
  heap.expire(start + 1ms);
  EXPECT_TRUE(second.fired.empty());
  heap.expire(start + 1ms + 1s);
  EXPECT_EQ(second.fired.size(), 1U);
}

TEST(DeadlineHeap, DestroysFromWithinWhatIsDueToo) {
  DeadlineHeap heap;
  Probe first;
  auto second = std::make_unique<Probe>();
  first.on_expiry = [&](Time) { second.reset(); };
  heap.set(first, start);
  heap.set(*second, start);
  heap.expire(start);
  EXPECT_EQ(heap.size(), 0U);
}

TEST(DeadlineHeap, AgreesWithAMultimap) {
  std::mt19937 random(20240607);  // NOLINT: the same sequence each time, so that a failure can be repeated
  DeadlineHeap heap;
  std::deque<Probe> probes(64);
  std::multimap<Time, std::size_t> model;
  std::vector<std::size_t> fired;
  for (std::size_t i = 0; i < probes.size(); ++i) probes[i].on_expiry = [&fired, i](Time) { fired.push_back(i); };
  const auto forget = [&](std::size_t i) {
    std::erase_if(model, [i](const auto& entry) { return entry.second == i; });
  };
  auto now = start;
  for (int step = 0; step < 50'000; ++step) {
    const auto i = random() % probes.size();
    switch (random() % 4) {
      case 0:
      case 1: {
        const auto at = now + std::chrono::milliseconds(random() % 1000);
        heap.set(probes[i], at);
        forget(i);
        model.emplace(at, i);
        break;
      }
      case 2:
        heap.clear(probes[i]);
        forget(i);
        break;
      default: {
        now += std::chrono::milliseconds(random() % 20);
        fired.clear();
        heap.expire(now);
        std::multimap<Time, std::size_t> expected(model.begin(), model.upper_bound(now));
        model.erase(model.begin(), model.upper_bound(now));
        ASSERT_EQ(fired.size(), expected.size());
        // Deadlines of the same time may fire in any order.
        Time before = Time::min();
        for (const auto index : fired) {
          ASSERT_GE(probes[index].at(), before);
          before = probes[index].at();
          ASSERT_EQ(std::erase_if(expected, [&](const auto& entry) { return entry.second == index; }), 1U);
        }
      }
    }
    ASSERT_EQ(heap.size(), model.size());
    ASSERT_EQ(heap.next(), model.empty() ? std::nullopt : std::optional(model.begin()->first));
  }
}

}  // namespace
}  // namespace pillion::runtime
