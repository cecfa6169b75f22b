#include "cache/key.hpp"

#include <gmock/gmock.h>

#include "cache/messages.hpp"

namespace pillion::cache::testing {
namespace {

namespace type = dns::type;

TEST(Key, NameInAnyCaseTypeClassDoAndCd) {
  Harness harness;
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60)));
  EXPECT_EQ(harness.freshness(Query("WWW.Example")), Freshness::fresh);
  EXPECT_EQ(harness.freshness(Query("wwx.example")), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("example")), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("www.example", {.type = type::aaaa})), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("www.example", {.dnssec_ok = true})), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("www.example", {.flags = dns::flag::rd | dns::flag::cd})), Freshness::miss);
  auto chaos = www.key();
  chaos.klass = dns::klass::chaos;
  EXPECT_EQ(harness.store.lookup(chaos, harness.now).freshness, Freshness::miss);
}

TEST(Key, HashesDifferByEachPartAndBySeed) {
  const auto base = www.key();
  auto other = base;
  const auto hash = hash_of(base, 1);
  EXPECT_EQ(hash_of(Query("WWW.EXAMPLE").key(), 1), hash);
  EXPECT_NE(hash_of(base, 2), hash);
  other.type = type::aaaa;
  EXPECT_NE(hash_of(other, 1), hash);
  other = base;
  other.klass = dns::klass::chaos;
  EXPECT_NE(hash_of(other, 1), hash);
  other = base;
  other.dnssec_ok = true;
  EXPECT_NE(hash_of(other, 1), hash);
  other = base;
  other.checking_disabled = true;
  EXPECT_NE(hash_of(other, 1), hash);
}

}  // namespace
}  // namespace pillion::cache::testing
