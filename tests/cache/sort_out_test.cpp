// Entries whose names have another route from now on.

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "cache/messages.hpp"
#include "dns/name.hpp"

namespace pillion::cache {
namespace {

using testing::address_reply;
using testing::Harness;
using testing::negative_reply;
using testing::Query;

constexpr std::uint32_t ttl = 300;

/// Many more names than the smallest cache has buckets, so that chains are long. The cache keeps as many as fit.
void fill(Harness& harness, int count) {
  for (int i = 0; i < count; ++i) {
    const auto name = "n" + std::to_string(i) + ".example";
    ASSERT_TRUE(harness.insert(Query(name), address_reply(name, ttl)));
  }
}

bool is_odd(dns::Bytes name) {
  const auto text = dns::to_text(name);
  return ((text[text.find('.') - 1] - '0') & 1) != 0;
}

TEST(SortOut, InPartsItIsTheSame) {
  Harness harness;
  fill(harness, 5'000);
  const auto before = harness.store.metrics().entries.value();
  std::size_t seen = 0;
  harness.store.for_each(0, harness.store.buckets(), [&](const Entry&) { ++seen; });
  EXPECT_EQ(static_cast<double>(seen), before);
  std::size_t dropped = 0;
  constexpr std::size_t part = 7;
  for (std::size_t first = 0; first < harness.store.buckets(); first += part) {
    harness.store.sort_out(first, part, [&](dns::Bytes name, Kind, bool) {
      dropped += is_odd(name) ? 1 : 0;
      return is_odd(name) ? Fate::dropped : Fate::kept;
    });
  }
  EXPECT_EQ(harness.store.metrics().entries.value(), before - static_cast<double>(dropped));
  harness.store.for_each(0, harness.store.buckets() + part,
                         [&](const Entry& entry) { EXPECT_FALSE(is_odd(entry.name())); });
  harness.store.for_each(harness.store.buckets() + 1, part, [&](const Entry&) { FAIL() << "there is no such bucket"; });
}

TEST(SortOut, WhatIsKeptIsFoundAndWhatIsDroppedIsNotInWhateverChain) {
  Harness harness;
  constexpr int count = 20'000;
  fill(harness, count);
  std::vector<bool> held(count);
  for (int i = 0; i < count; ++i)
    held[static_cast<std::size_t>(i)] =
        harness.freshness(Query("n" + std::to_string(i) + ".example")) == Freshness::fresh;
  const auto before = std::ranges::count(held, true);
  ASSERT_EQ(harness.store.metrics().entries.value(), static_cast<double>(before));

  std::size_t asked = 0;
  harness.store.sort_out([&](dns::Bytes name, Kind, bool) {
    ++asked;
    return is_odd(name) ? Fate::dropped : Fate::kept;
  });
  EXPECT_EQ(asked, static_cast<std::size_t>(before));
  std::ptrdiff_t left = 0;
  for (int i = 0; i < count; ++i) {
    const bool is_kept = held[static_cast<std::size_t>(i)] && i % 2 == 0;
    left += is_kept ? 1 : 0;
    ASSERT_EQ(harness.freshness(Query("n" + std::to_string(i) + ".example")),
              is_kept ? Freshness::fresh : Freshness::miss)
        << i;
  }
  EXPECT_EQ(harness.store.metrics().entries.value(), static_cast<double>(left));
}

TEST(SortOut, CountersAreRightAtOnceAndTheRoomIsUsedAgain) {
  Harness harness;
  fill(harness, 100);
  EXPECT_EQ(harness.store.metrics().entries.value(), 100);
  const auto bytes = harness.store.metrics().bytes.value();
  harness.store.sort_out([](dns::Bytes name, Kind, bool) { return is_odd(name) ? Fate::dropped : Fate::kept; });
  EXPECT_EQ(harness.store.metrics().entries.value(), 50);
  EXPECT_LT(harness.store.metrics().bytes.value(), bytes);
  harness.store.sort_out([](dns::Bytes, Kind, bool) { return Fate::dropped; });
  EXPECT_EQ(harness.store.metrics().entries.value(), 0);
  EXPECT_EQ(harness.store.metrics().bytes.value(), 0);
  // The blocks of dropped entries are freed with their queue, and are not counted twice.
  fill(harness, 50'000);
  EXPECT_GT(harness.store.metrics().entries.value(), 0);
  EXPECT_LE(harness.store.metrics().bytes.value(), static_cast<double>(harness.store.memory()));
}

TEST(SortOut, ADenialThatIsKeptForItsNameSaysNothingOfNamesBeneath) {
  Harness harness;
  ASSERT_TRUE(harness.insert(Query("gone.example"), negative_reply("gone.example", dns::rcode::nxdomain, ttl, ttl)));
  ASSERT_EQ(harness.freshness(Query("www.gone.example")), Freshness::fresh);
  harness.store.sort_out([](dns::Bytes, Kind, bool) { return Fate::kept; });
  EXPECT_EQ(harness.freshness(Query("www.gone.example")), Freshness::fresh);
  harness.store.sort_out([](dns::Bytes, Kind, bool) { return Fate::kept_for_its_name; });
  EXPECT_EQ(harness.freshness(Query("www.gone.example")), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("gone.example")), Freshness::fresh);
  EXPECT_EQ(harness.freshness(Query("gone.example", {.type = dns::type::aaaa})), Freshness::fresh);
}

TEST(SortOut, WhatAWalkFoundIsToldApartFromTheNameItself) {
  Harness harness;
  const Query query("www.example");
  ASSERT_TRUE(harness.insert(query, address_reply("www.example", ttl)));
  auto key = query.key();
  key.searched = true;
  const auto reply = address_reply("www.example", ttl, 9);
  Preparation found(0x5eed);
  ASSERT_TRUE(found.prepare(key, dns::MessageView::parse(reply).value(), {}));
  harness.store.insert_found(key, found, harness.now);
  ASSERT_NE(harness.store.lookup_found(key, harness.now), nullptr);
  harness.store.sort_out([](dns::Bytes, Kind, bool searched) { return searched ? Fate::dropped : Fate::kept; });
  EXPECT_EQ(harness.store.lookup_found(key, harness.now), nullptr);
  EXPECT_EQ(harness.freshness(query), Freshness::fresh);
}

TEST(SortOut, SettingsHoldFromTheChangeOn) {
  Harness harness({.serve_stale = std::chrono::hours(1)});
  ASSERT_TRUE(harness.insert(Query("gone.example"), negative_reply("gone.example", dns::rcode::nxdomain, ttl, ttl)));
  ASSERT_TRUE(harness.insert(Query("www.example"), address_reply("www.example", 10)));
  harness.at(20);
  ASSERT_EQ(harness.freshness(Query("www.example")), Freshness::stale);
  ASSERT_EQ(harness.freshness(Query("www.gone.example")), Freshness::fresh);
  const auto memory = harness.store.memory();
  harness.store.configure({.size = 1U << 20U, .serve_stale = std::chrono::seconds(0), .nxdomain_cut = false});
  EXPECT_EQ(harness.freshness(Query("www.example")), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("www.gone.example")), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("gone.example")), Freshness::fresh);
  EXPECT_EQ(harness.store.memory(), memory);
}

}  // namespace
}  // namespace pillion::cache
