#include "upstream/tls_connections.hpp"

#include <cstdint>
#include <map>
#include <string>

#include <gmock/gmock.h>

namespace pillion::upstream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::map<std::string, std::uint64_t> counted(const TlsConnectionCounters& counters) {
  std::map<std::string, std::uint64_t> counts;
  counters.for_each(
      [&](std::string_view version, std::string_view group, std::string_view cipher, std::uint64_t count) {
        counts[std::string(version).append(" ").append(group).append(" ").append(cipher)] += count;
      });
  return counts;
}

TEST(TlsConnectionCounters, CountByAllThreeValues) {
  TlsConnectionCounters counters;
  EXPECT_THAT(counted(counters), IsEmpty());
  counters.add("TLSv1.3", "x25519", "a");
  counters.add("TLSv1.3", "x25519", "b");
  counters.add("TLSv1.3", "x25519", "a");
  counters.add("TLSv1.3", "secp256r1", "a");
  counters.add("TLSv1.2", "x25519", "a");
  EXPECT_THAT(counted(counters), ElementsAre(Pair("TLSv1.2 x25519 a", 1), Pair("TLSv1.3 secp256r1 a", 1),
                                             Pair("TLSv1.3 x25519 a", 2), Pair("TLSv1.3 x25519 b", 1)));
}

TEST(TlsConnectionCounters, AGroupWithoutANameIsNone) {
  TlsConnectionCounters counters;
  counters.add("TLSv1.2", "", "a");
  EXPECT_THAT(counted(counters), ElementsAre(Pair("TLSv1.2 none a", 1)));
}

TEST(TlsConnectionCounters, CountTheCombinationsAboveTheLimitTogether) {
  TlsConnectionCounters counters;
  for (std::size_t i = 0; i < TlsConnectionCounters::max_combinations + 3; ++i)
    counters.add("TLSv1.3", "x25519", std::to_string(i));
  counters.add("TLSv1.3", "x25519", "0");
  const auto counts = counted(counters);
  EXPECT_EQ(counts.size(), TlsConnectionCounters::max_combinations + 1);
  EXPECT_EQ(counts.at("TLSv1.3 x25519 0"), 2U);
  EXPECT_EQ(counts.at("other other other"), 3U);
}

}  // namespace
}  // namespace pillion::upstream
