#include "server/shared_limits.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace pillion::server {
namespace {

TEST(SharedLimit, GivesAsManyPlacesAsItHas) {
  SharedLimit limit(2);
  EXPECT_TRUE(limit.take());
  EXPECT_TRUE(limit.take());
  EXPECT_FALSE(limit.take());
  EXPECT_EQ(limit.taken(), 2U);
  limit.give_back();
  EXPECT_TRUE(limit.take());
}

TEST(SharedLimit, APlaceIsGivenBackOnce) {
  SharedLimit limit(1);
  {
    Place place(limit);
    EXPECT_TRUE(place);
    EXPECT_FALSE(Place(limit));
    const Place moved(std::move(place));
    EXPECT_TRUE(moved);
    EXPECT_EQ(limit.taken(), 1U);
  }
  EXPECT_EQ(limit.taken(), 0U);
}

TEST(SharedLimit, IsNeverExceededByThreads) {
  constexpr std::size_t places = 3;
  SharedLimit limit(places);
  std::atomic<std::size_t> held = 0;
  std::atomic<bool> exceeded = false;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int turn = 0; turn < 20'000; ++turn) {
          const Place place(limit);
          if (!place) continue;
          if (held.fetch_add(1) >= places) exceeded = true;
          held.fetch_sub(1);
        }
      });
    }
  }
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(limit.taken(), 0U);
}

}  // namespace
}  // namespace pillion::server
