// A hit allocates nothing, and memory does not grow. This program counts the calls of operator new and delete.

#include <cstdlib>
#include <new>
#include <string>

#include <gtest/gtest.h>
#include <malloc.h>

#include "cache/messages.hpp"

namespace {
std::size_t allocations = 0;  // the program has one thread
std::size_t allocated = 0;    // bytes that are not freed

void give_back(void* memory) noexcept {
  allocated -= malloc_usable_size(memory);
  std::free(memory);
}
}  // namespace

// Not inlined: g++ 12 would warn that free() does not match the operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) {
    allocated += malloc_usable_size(memory);
    return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  give_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  give_back(memory);
}

namespace pillion::cache::testing {
namespace {

TEST(Allocations, NoneOnAHit) {
  Harness harness;
  const Query query("wWw.example", {.dnssec_ok = true});
  const Query denied("a.gone.example", {.type = dns::type::aaaa});
  ASSERT_TRUE(harness.insert(query, address_reply("www.example", 300)));
  ASSERT_TRUE(harness.insert(Query("gone.example"), negative_reply("gone.example", dns::rcode::nxdomain, 60, 60)));
  const Query unknown("x.example");
  Buffer out;
  out.reserve(1024);

  const auto before = allocations;
  const auto view = query.view();
  const auto found = harness.store.lookup(key_of(view), harness.now);
  append_answer(*found.entry, view, harness.now, 0, out);
  harness.store.mark_refreshing(key_of(view));
  const auto denied_view = denied.view();
  const auto denial = harness.store.lookup(key_of(denied_view), harness.now);
  append_answer(*denial.entry, denied_view, harness.now, 0, out);
  const auto stale = harness.store.lookup_stale(key_of(view), harness.now + std::chrono::seconds(400));
  append_answer(*stale.entry, view, harness.now + std::chrono::seconds(400), 0, out);
  const auto missed = harness.store.lookup(unknown.key(), harness.now);
  const auto after = allocations;

  EXPECT_EQ(after, before);
  EXPECT_EQ(missed.freshness, Freshness::miss);
  EXPECT_GT(out.size(), 100U);
}

TEST(Allocations, TenTimesMoreNamesThanFitTakeNoMoreMemory) {
  const auto without = allocated;
  Harness harness({.size = 1024 * 1024});
  int number = 0;
  const auto fill = [&](int count) {
    for (const auto end = number + count; number < end; ++number) {
      const auto name = "name" + std::to_string(1'000'000 + number) + ".example";
      const Query query(name);
      ASSERT_TRUE(harness.insert(query, address_reply(name, 3600)));
      (void)harness.lookup(query);
    }
  };
  fill(15'000);
  ASSERT_GT(harness.store.metrics().evictions.value(), 0U);
  const auto fits = harness.store.metrics().entries.value();
  const auto full = allocated;
  EXPECT_LE(full - without, 1024U * 1024U + 4096U);
  fill(static_cast<int>(10 * fits));
  EXPECT_EQ(allocated, full);
  EXPECT_LE(harness.store.metrics().entries.value(), fits * 1.05);
}

}  // namespace
}  // namespace pillion::cache::testing
