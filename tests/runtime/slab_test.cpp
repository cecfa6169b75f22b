#include "runtime/slab.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace pillion::runtime {
namespace {

TEST(Slab, KeepsToItsLimit) {
  Slab<int> slab(3);
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

TEST(Slab, KeepsAddressesAndCapacityWhileItGrows) {
  Slab<std::string> slab(10'000);
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

}  // namespace
}  // namespace pillion::runtime
