// Lookups over time: fresh and stale answers, failures, denials.

#include "cache/store.hpp"

#include <gmock/gmock.h>

#include "cache/messages.hpp"

namespace pillion::cache::testing {
namespace {

namespace type = dns::type;
namespace rcode = dns::rcode;
using std::chrono::seconds;

Buffer servfail(std::string_view name) {
  return reply_to(name, type::a, rcode::servfail).bytes();
}

TEST(Store, Rfc8767FreshThenStaleThenGone) {
  Harness harness({.serve_stale = seconds(100)});
  ASSERT_EQ(harness.insert(www, address_reply("www.example", 60)), Kind::positive);
  harness.at(59.999);
  EXPECT_EQ(harness.freshness(www), Freshness::fresh);
  harness.at(60);
  EXPECT_EQ(harness.freshness(www), Freshness::stale);
  EXPECT_FALSE(harness.lookup(www).failed_recently);
  harness.at(159.999);
  EXPECT_EQ(harness.freshness(www), Freshness::stale);
  harness.at(160);
  EXPECT_EQ(harness.freshness(www), Freshness::miss);
  EXPECT_EQ(harness.lookup(www).entry, nullptr);
}

TEST(Store, APeekFindsTheSameAndCountsNothing) {
  Harness harness({.serve_stale = seconds(100)});
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60)));
  const auto peek = [&] { return harness.store.peek(www.key(), harness.now); };
  EXPECT_EQ(peek().freshness, Freshness::fresh);
  EXPECT_EQ(peek().entry->hits(), 0U);
  EXPECT_EQ(peek().entry->type(), type::a);
  harness.at(60);
  EXPECT_EQ(peek().freshness, Freshness::stale);
  harness.at(160);
  EXPECT_EQ(peek().entry, nullptr);
  EXPECT_EQ(harness.store.metrics().hits.value() + harness.store.metrics().misses.value(), 0U);
}

TEST(Store, WithoutServeStaleExpiredIsGone) {
  Harness harness({.serve_stale = seconds(0)});
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60)));
  harness.at(60);
  EXPECT_EQ(harness.freshness(www), Freshness::miss);
}

TEST(Store, TheNewerAnswerReplaces) {
  Harness harness;
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60, 1)));
  harness.at(50);
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60, 2)));
  harness.at(80);
  EXPECT_EQ(harness.answer(www).back(), 2);
  EXPECT_THAT(harness.ttls(www), ::testing::ElementsAre(30));
  auto longer = reply_to("www.example");
  for (std::uint8_t i = 0; i < 20; ++i) longer.record(Section::answer, {0}, type::a, {1, 2, 3, i}, 40);
  ASSERT_TRUE(harness.insert(www, longer.bytes()));
  EXPECT_EQ(harness.ttls(www).size(), 20U);
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60, 3)));
  EXPECT_EQ(harness.answer(www).back(), 3);
  EXPECT_EQ(harness.store.metrics().entries.value(), 1);
  EXPECT_EQ(harness.store.metrics().insertions.value(), 4U);
}

TEST(Store, WhatIsNotAdmittedChangesNothing) {
  Harness harness;
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60)));
  EXPECT_EQ(harness.insert(www, address_reply("www.example", 0)).error(), NotStored::zero_ttl);
  EXPECT_EQ(harness.freshness(www), Freshness::fresh);
}

TEST(Store, Rfc9520FailuresAreRememberedForFiveSeconds) {
  Harness harness;
  ASSERT_EQ(harness.insert(www, servfail("www.example")), Kind::failure);
  harness.at(4.999);
  const auto found = harness.lookup(www);
  ASSERT_EQ(found.freshness, Freshness::fresh);
  EXPECT_EQ(found.entry->kind(), Kind::failure);
  EXPECT_EQ(found.entry->rcode(), rcode::servfail);
  EXPECT_FALSE(found.prefetch_due);
  EXPECT_EQ(harness.freshness(Query("www.example", {.type = type::aaaa})), Freshness::miss);
  harness.at(5);
  EXPECT_EQ(harness.freshness(www), Freshness::miss);  // a failure is never served stale
}

TEST(Store, Rfc9520OurOwnFailuresSayWhy) {
  Harness harness;
  const Query checking("www.example", {.id = 5, .flags = dns::flag::rd | dns::flag::cd});
  harness.insert_failure(checking, network_failure);
  const auto found = harness.lookup(checking);
  ASSERT_EQ(found.freshness, Freshness::fresh);
  EXPECT_THAT(
      found.entry->extended_errors(),
      ::testing::ElementsAreArray(option_of(dns::option::extended_error,
                                            joined({{0, 23}, dns::testing::bytes_of("connection network_failure")}))));
  MessageBuilder expected(static_cast<std::uint16_t>(reply_flags | dns::flag::cd | rcode::servfail));
  EXPECT_EQ(harness.answer(checking), expected.question("www.example").set_u16(0, 5).bytes());
}

TEST(Store, Rfc8767AFailureDoesNotReplaceAStaleAnswer) {
  Harness harness;
  for (const bool ours : {false, true}) {
    harness.at(0);
    ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60)));
    harness.at(100);
    ASSERT_FALSE(harness.lookup(www).failed_recently);
    if (ours) {
      harness.insert_failure(www, network_failure);
    } else {
      ASSERT_EQ(harness.insert(www, servfail("www.example")), Kind::failure);
    }
    EXPECT_EQ(harness.freshness(www), Freshness::stale);
    EXPECT_EQ(harness.answer(www).back(), 1);
    EXPECT_TRUE(harness.lookup(www).failed_recently);
    harness.at(104.999);
    EXPECT_TRUE(harness.lookup(www).failed_recently);
    harness.at(105);
    EXPECT_EQ(harness.freshness(www), Freshness::stale);
    EXPECT_FALSE(harness.lookup(www).failed_recently);
  }
}

TEST(Store, AFailureTakesThePlaceOfAnAnswerThatIsTooOld) {
  Harness harness({.serve_stale = seconds(10)});
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60)));
  harness.at(70);
  ASSERT_TRUE(harness.insert(www, servfail("www.example")));
  EXPECT_EQ(harness.lookup(www).entry->kind(), Kind::failure);
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60)));
  EXPECT_EQ(harness.lookup(www).entry->kind(), Kind::positive);
}

TEST(Store, Rfc2308NxdomainHoldsForAllTypesAndNodataForOne) {
  Harness harness;
  ASSERT_EQ(harness.insert(www, negative_reply("www.example", rcode::nxdomain, 60, 60)), Kind::nxdomain);
  const Query other_type("www.example", {.type = type::aaaa});
  EXPECT_EQ(harness.freshness(other_type), Freshness::fresh);
  EXPECT_EQ(dns::MessageView::parse(harness.answer(other_type)).value().question().type, type::aaaa);
  EXPECT_EQ(harness.freshness(Query("www.example", {.dnssec_ok = true})), Freshness::miss);
  const Query mail("mail.example");
  ASSERT_EQ(harness.insert(mail, negative_reply("mail.example", rcode::noerror, 60, 60)), Kind::nodata);
  EXPECT_EQ(harness.freshness(mail), Freshness::fresh);
  EXPECT_EQ(harness.freshness(Query("mail.example", {.type = type::aaaa})), Freshness::miss);
}

TEST(Store, Rfc8020NothingLiesBeneathANameThatDoesNotExist) {
  Harness harness;
  ASSERT_TRUE(harness.insert(Query("gone.example"), negative_reply("gone.example", rcode::nxdomain, 60, 60)));
  EXPECT_EQ(harness.freshness(Query("a.gone.example")), Freshness::fresh);
  EXPECT_EQ(harness.freshness(Query("a.b.c.GONE.example", {.type = type::txt})), Freshness::fresh);
  EXPECT_EQ(harness.freshness(Query("example")), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("agone.example")), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("a.gone.example", {.dnssec_ok = true})), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("a.gone.example", {.flags = dns::flag::rd | dns::flag::cd})), Freshness::miss);
  harness.at(60);
  EXPECT_EQ(harness.freshness(Query("a.gone.example")), Freshness::miss);  // only while it is fresh
  EXPECT_EQ(harness.freshness(Query("gone.example")), Freshness::stale);
}

TEST(Store, Rfc8020CanBeSwitchedOff) {
  Harness harness({.nxdomain_cut = false});
  ASSERT_TRUE(harness.insert(Query("gone.example"), negative_reply("gone.example", rcode::nxdomain, 60, 60)));
  EXPECT_EQ(harness.freshness(Query("a.gone.example")), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("gone.example", {.type = type::txt})), Freshness::fresh);
}

TEST(Store, Rfc8020LooksAtSixteenAncestorsAtMost) {
  Harness harness;
  ASSERT_TRUE(harness.insert(Query("gone.example"), negative_reply("gone.example", rcode::nxdomain, 60, 60)));
  std::string name = "gone.example";
  for (int i = 0; i < Store::max_ancestors; ++i) name.insert(0, "a.");
  EXPECT_EQ(harness.freshness(Query(name)), Freshness::fresh);
  EXPECT_EQ(harness.freshness(Query("a." + name)), Freshness::miss);
}

TEST(Store, Rfc8020NotForNodataNorForAnAlias) {
  Harness harness;
  ASSERT_TRUE(harness.insert(www, negative_reply("www.example", rcode::noerror, 60, 60)));
  EXPECT_EQ(harness.freshness(Query("a.www.example")), Freshness::miss);
  const auto alias = reply_to("al.example", type::a, rcode::nxdomain)
                         .record(Section::answer, pointer_to(to_question), type::cname, name_of("gone.example"), 60)
                         .record(Section::authority, {0}, type::soa, soa_rdata({0}, {0}, 60), 60)
                         .bytes();
  ASSERT_EQ(harness.insert(Query("al.example"), alias), Kind::nxdomain);  // RFC 6604: al.example does exist
  EXPECT_EQ(harness.freshness(Query("al.example")), Freshness::fresh);
  EXPECT_EQ(harness.freshness(Query("al.example", {.type = type::aaaa})), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("a.al.example")), Freshness::miss);
}

TEST(Store, Rfc8020AnAnswerBeneathEndsTheDenial) {
  Harness harness;
  ASSERT_TRUE(harness.insert(Query("gone.example"), negative_reply("gone.example", rcode::nxdomain, 60, 60)));
  ASSERT_TRUE(harness.insert(Query("a.gone.example"), address_reply("a.gone.example", 60)));
  EXPECT_EQ(harness.freshness(Query("gone.example")), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("b.gone.example")), Freshness::miss);
  EXPECT_EQ(harness.freshness(Query("a.gone.example")), Freshness::fresh);
}

TEST(Store, TheNewestWordOnANameCounts) {
  Harness harness;
  // An address that is still fresh when a reply denies the name.
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60)));
  ASSERT_TRUE(harness.insert(www, negative_reply("www.example", rcode::nxdomain, 30, 30)));
  EXPECT_EQ(harness.lookup(www).entry->kind(), Kind::nxdomain);
  harness.at(31);
  EXPECT_EQ(harness.lookup(www).entry->kind(), Kind::nxdomain);
  EXPECT_EQ(harness.freshness(www), Freshness::stale);
  // The other way round.
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 60)));
  EXPECT_EQ(harness.lookup(www).entry->kind(), Kind::positive);
  EXPECT_EQ(harness.freshness(Query("www.example", {.type = type::aaaa})), Freshness::miss);
  EXPECT_EQ(harness.store.metrics().entries.value(), 1);
}

TEST(Store, Rfc4074ADenialOfATypeDoesNotHideAnother) {
  Harness harness;
  const Query aaaa("www.example", {.type = type::aaaa});
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 10)));
  harness.at(5);
  ASSERT_TRUE(harness.insert(aaaa, negative_reply("www.example", rcode::nxdomain, 60, 60, type::aaaa)));
  EXPECT_EQ(harness.lookup(www).entry->kind(), Kind::positive);  // still fresh
  EXPECT_EQ(harness.lookup(aaaa).entry->kind(), Kind::nxdomain);
  harness.at(10);
  EXPECT_EQ(harness.freshness(www), Freshness::stale) << "to be asked for again, not denied";
}

TEST(Store, AFreshDenialComesBeforeAStaleAnswer) {
  Harness harness;
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 10)));
  harness.at(15);
  ASSERT_TRUE(harness.insert(www, negative_reply("www.example", rcode::nxdomain, 60, 60)));
  EXPECT_EQ(harness.lookup(www).entry->kind(), Kind::nxdomain);
}

TEST(Store, Rfc8020NothingIsDeniedBeneathANameWithOthersBeneath) {
  // A server that denies an empty non-terminal.
  for (const bool known_first : {true, false}) {
    Harness harness;
    const Query node("example");
    const Query below("a.b.www.example");
    if (known_first) {
      ASSERT_TRUE(harness.insert(www, address_reply("www.example", 10)));
    }
    ASSERT_TRUE(harness.insert(node, negative_reply("example", rcode::nxdomain, 60, 60)));
    EXPECT_EQ(harness.freshness(below), known_first ? Freshness::miss : Freshness::fresh);
    EXPECT_EQ(harness.freshness(Query("example", {.type = type::txt})),
              known_first ? Freshness::miss : Freshness::fresh);
    if (known_first) continue;
    ASSERT_TRUE(harness.insert(www, address_reply("www.example", 10)));
    EXPECT_EQ(harness.freshness(below), Freshness::miss);
  }
}

TEST(Store, ADenialReachesNoFurtherThanItsUpstreamIsTrusted) {
  const Query node("node.example");
  const Query other_type("node.example", {.type = type::txt});
  const Query below("x.node.example");
  struct Reach {
    Denial denial;
    Freshness other_type, below;
  };
  for (const auto& [denial, expected_type, expected_below] :
       {Reach{Denial::type, Freshness::miss, Freshness::miss}, Reach{Denial::name, Freshness::fresh, Freshness::miss},
        Reach{Denial::tree, Freshness::fresh, Freshness::fresh}}) {
    Harness harness;
    ASSERT_TRUE(harness.insert(node, negative_reply("node.example", rcode::nxdomain, 60, 60), denial));
    EXPECT_EQ(harness.freshness(node), Freshness::fresh);
    EXPECT_EQ(harness.freshness(other_type), expected_type);
    EXPECT_EQ(harness.freshness(below), expected_below);
  }
}

TEST(Store, WhatAWalkFoundIsNotWhatTheNameHas) {
  Harness harness;
  Preparation found(0x5eed);
  const auto reply = address_reply("www.example", 60);
  ASSERT_TRUE(found.prepare_found(dns::MessageView::parse(reply).value(), 20));
  auto key = www.key();
  ASSERT_TRUE(harness.insert(www, negative_reply("www.example", rcode::nxdomain, 60, 60)));
  key.searched = true;
  harness.store.insert_found(key, found, harness.now);
  EXPECT_EQ(harness.lookup(www).entry->kind(), Kind::nxdomain) << "nor is its denial wrong";
  ASSERT_NE(harness.store.lookup_found(key, harness.now), nullptr);
  EXPECT_FALSE(harness.store.has_existing(www.key(), harness.now));
  harness.at(20);
  EXPECT_EQ(harness.store.lookup_found(key, harness.now), nullptr) << "never stale";
  EXPECT_EQ(harness.lookup(www).entry->kind(), Kind::nxdomain);
}

TEST(Store, AnAddressOfAnotherTypeIsKnownWhileItIsFresh) {
  Harness harness;
  const auto aaaa = Query("www.example", {.type = type::aaaa});
  EXPECT_FALSE(harness.store.has_other_address(aaaa.key(), harness.now));
  ASSERT_TRUE(harness.insert(www, address_reply("www.example", 10)));
  EXPECT_TRUE(harness.store.has_other_address(aaaa.key(), harness.now));
  EXPECT_FALSE(harness.store.has_other_address(www.key(), harness.now));
  harness.at(10);
  EXPECT_FALSE(harness.store.has_other_address(aaaa.key(), harness.now));
}

}  // namespace
}  // namespace pillion::cache::testing
