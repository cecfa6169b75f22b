// A shard whose allocations fail at times: what it ends then, and that it continues. The operator new of this program
// fails on request.

#include <atomic>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"

namespace {
std::atomic<bool> is_failing = false;
thread_local std::size_t fail_every = 0;  // allocations of this thread; 0: none fails
thread_local std::size_t made = 0;
}  // namespace

// Not inlined: g++ 12 would warn that free() does not match the operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (fail_every > 0 && is_failing.load(std::memory_order_relaxed) && ++made % fail_every == 0) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace pillion::app {
namespace {

using namespace testing;

class InternalErrors : public ::testing::TestWithParam<std::size_t> {};

TEST_P(InternalErrors, AShardGoesOnAndLeavesNothingBehind) {
  TlsSetup setup;
  setup.config.cache.size = std::size_t{64} << 10U;
  ShardRunner shard(setup.config);
  ASSERT_EQ(ask(shard, "before.example").rcode, dns::rcode::noerror);
  shard.in_loop([] { fail_every = GetParam(); });
  is_failing = true;
  for (int round = 0; round < 60; ++round) {
    auto client = shard.connect();
    // It may be closed at any time.
    try {
      send_many(client, 20, "r" + std::to_string(round) + "-");
    } catch (const std::exception&) {
      continue;
    }
    static_cast<void>(receive_many(client, 20));
  }
  is_failing = false;
  EXPECT_TRUE(shard.log().has({"internal error"}));
  EXPECT_TRUE(eventually([&] { return shard.server().connections[0].value() == 0; }));
  EXPECT_TRUE(eventually([&] { return shard.server().in_flight.value() == 0; }));
  EXPECT_TRUE(eventually([&] { return ask(shard, "after.example").rcode == dns::rcode::noerror; }));
}

INSTANTIATE_TEST_SUITE_P(Every, InternalErrors, ::testing::Values(std::size_t{31}, std::size_t{97}, std::size_t{211}));

}  // namespace
}  // namespace pillion::app
