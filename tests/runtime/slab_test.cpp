#include "runtime/slab.hpp"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace pillion::runtime {
namespace {

TEST(Slab, KeepsToItsLimit) {
  MemoryShare memory;
  Slab<int> slab(3, memory, sizeof(int));
  std::set<int*> objects;
  for (int i = 0; i < 3; ++i) objects.insert(slab.acquire());
  EXPECT_EQ(objects.size(), 3U);
  EXPECT_FALSE(objects.contains(nullptr));
  EXPECT_EQ(slab.acquire(), nullptr);
  EXPECT_EQ(slab.in_use(), 3U);
  slab.release(**objects.begin());
  EXPECT_EQ(slab.in_use(), 2U);
  EXPECT_EQ(slab.acquire(), *objects.begin());
}

TEST(Slab, KeepsToItsMemory) {
  MemoryShare memory(1000);
  Slab<int> slab(100, memory, 400);
  auto* const first = slab.acquire();
  ASSERT_NE(first, nullptr);
  ASSERT_NE(slab.acquire(), nullptr);
  EXPECT_EQ(memory.used(), 800U);
  EXPECT_EQ(slab.acquire(), nullptr);
  EXPECT_EQ(memory.used(), 800U);
  slab.release(*first);
  EXPECT_EQ(memory.used(), 400U);
  EXPECT_EQ(slab.acquire(), first);
}

TEST(Slab, GivesBackWhatIsInUseWhenItIsDestroyed) {
  MemoryShare memory(1000);
  {
    Slab<int> slab(100, memory, 400);
    ASSERT_NE(slab.acquire(), nullptr);
  }
  EXPECT_EQ(memory.used(), 0U);
}

TEST(Slab, KeepsAddressesAndCapacityWhileItGrows) {
  MemoryShare memory;
  Slab<std::string> slab(10'000, memory, sizeof(std::string));
  auto* const first = slab.acquire();
  first->assign(1000, 'x');
  const auto* const data = first->data();
  for (int i = 0; i < 9'999; ++i) ASSERT_NE(slab.acquire(), nullptr);
  EXPECT_EQ(first->data(), data);
  slab.release(*first);
  auto* const again = slab.acquire();
  EXPECT_EQ(again, first);
  EXPECT_GE(again->capacity(), 1000U);
}

/// Counts the existing objects.
struct Counted {
  Counted() { ++count; }
  ~Counted() { --count; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  static inline std::size_t count = 0;
};

TEST(Slab, TrimFreesWhatAPeakHasLeft) {
  MemoryShare memory;
  Slab<Counted> slab(10'000, memory, 1);
  std::vector<Counted*> objects;
  for (int i = 0; i < 10'000; ++i) objects.push_back(slab.acquire());
  for (auto* const object : objects) slab.release(*object);
  EXPECT_EQ(Counted::count, 10'000U);
  EXPECT_FALSE(slab.trim(100, 10'000));
  EXPECT_GE(Counted::count, 100U);
  EXPECT_LE(Counted::count, 116U);
  EXPECT_EQ(slab.in_use(), 0U);
}

TEST(Slab, TrimFreesSoManyAtOnce) {
  MemoryShare memory;
  Slab<Counted> slab(10'000, memory, 1);
  std::vector<Counted*> objects;
  for (int i = 0; i < 10'000; ++i) objects.push_back(slab.acquire());
  for (auto* const object : objects) slab.release(*object);
  for (std::size_t parts = 1; parts < 10; ++parts) {
    EXPECT_TRUE(slab.trim(100, 1024));
    EXPECT_EQ(Counted::count, 10'000 - parts * 1024);
  }
  EXPECT_FALSE(slab.trim(100, 1024));
  EXPECT_LE(Counted::count, 116U);
}

TEST(Slab, TrimLeavesAloneWhatIsInUse) {
  MemoryShare memory;
  Slab<std::string> slab(10'000, memory, 1);
  std::vector<std::string*> kept;
  std::vector<std::string*> others;
  for (int i = 0; i < 10'000; ++i) {
    auto* const object = slab.acquire();
    // Every thousandth object, and all objects of one range.
    const bool is_kept = i % 1000 == 0 || (i > 5000 && i < 5100);
    (is_kept ? kept : others).push_back(object);
    *object = std::to_string(i);
  }
  for (auto* const object : others) slab.release(*object);
  EXPECT_FALSE(slab.trim(0, 10'000));
  EXPECT_EQ(slab.in_use(), kept.size());
  EXPECT_EQ(*kept.front(), "0");
  EXPECT_EQ(*kept.back(), "9000");
  std::set<std::string*> again(kept.begin(), kept.end());
  for (int i = 0; i < 9000; ++i) again.insert(slab.acquire());
  EXPECT_EQ(again.size(), kept.size() + 9000);
}

}  // namespace
}  // namespace pillion::runtime
