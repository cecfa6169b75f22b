#include "server/recent_queries.hpp"

#include <array>
#include <cstdint>
#include <vector>

#include <gmock/gmock.h>

namespace pillion::server {
namespace {

std::vector<std::uint16_t> types(const RecentQueries& queries, std::size_t limit) {
  std::vector<std::uint16_t> types;
  for (const auto& query : queries.newest(limit)) types.push_back(query.type);
  return types;
}

TEST(RecentQueries, OffUntilItHasASize) {
  RecentQueries queries;
  EXPECT_FALSE(queries.is_on());
  EXPECT_TRUE(queries.newest(10).empty());
}

TEST(RecentQueries, TheNewestFirstAndTheOldestMakesRoom) {
  RecentQueries queries;
  queries.resize(3);
  constexpr std::array<std::uint8_t, 3> name{1, 'a', 0};
  for (std::uint16_t type = 1; type <= 2; ++type) queries.add({.answered_at = {}, .type = type}, name);
  EXPECT_THAT(types(queries, 10), ::testing::ElementsAre(2, 1));
  for (std::uint16_t type = 3; type <= 5; ++type) queries.add({.answered_at = {}, .type = type}, name);
  EXPECT_THAT(types(queries, 10), ::testing::ElementsAre(5, 4, 3));
  EXPECT_THAT(types(queries, 2), ::testing::ElementsAre(5, 4));
  EXPECT_EQ(queries.newest(1)[0].name_size, 3U);
}

TEST(RecentQueries, AnotherSizeForgets) {
  RecentQueries queries;
  queries.resize(2);
  queries.add({}, {});
  queries.resize(2);
  EXPECT_EQ(queries.newest(9).size(), 1U) << "the same size changes nothing";
  queries.resize(4);
  EXPECT_TRUE(queries.newest(9).empty());
  queries.resize(0);
  EXPECT_FALSE(queries.is_on());
}

}  // namespace
}  // namespace pillion::server
