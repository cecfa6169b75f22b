// The search list of a resolv.conf, by the rules of resolv.conf(5) and the C libraries.

#include "config/resolv_conf.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pillion::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// The search list of a text in which nothing is skipped.
Search search_of(std::string_view text) {
  const auto conf = parse_resolv_conf(text);
  EXPECT_THAT(conf.skipped, IsEmpty()) << text;
  return conf.search;
}

/// "LINE: REASON" of each skipped part.
std::vector<std::string> skipped_of(std::string_view text) {
  std::vector<std::string> skipped;
  for (const auto& [line, reason] : parse_resolv_conf(text).skipped)
    skipped.push_back(std::to_string(line) + ": " + reason);
  return skipped;
}

TEST(ResolvConf, OfAPod) {
  const auto search = search_of(
      "nameserver 10.96.0.10\n"
      "search default.svc.cluster.local svc.cluster.local cluster.local\n"
      "options ndots:5\n");
  EXPECT_THAT(search.domains, ElementsAre("default.svc.cluster.local", "svc.cluster.local", "cluster.local"));
  EXPECT_EQ(search.ndots, 5U);
}

TEST(ResolvConf, WithoutASearchListHasNoneAndNdotsIsOne) {
  for (const auto* const text : {"", "\n", "nameserver 192.0.2.1\n", "# search a.example\n", "; search a.example"}) {
    EXPECT_THAT(search_of(text).domains, IsEmpty()) << text;
    EXPECT_EQ(search_of(text).ndots, 1U) << text;
  }
}

TEST(ResolvConf, TheLastSearchOrDomainWins) {
  EXPECT_THAT(search_of("search a b\nsearch c d\n").domains, ElementsAre("c", "d"));
  EXPECT_THAT(search_of("search a b\ndomain c\n").domains, ElementsAre("c"));
  EXPECT_THAT(search_of("domain c\nsearch a b").domains, ElementsAre("a", "b"));
  EXPECT_THAT(search_of("search a b\nsearch\n").domains, ElementsAre("a", "b"))
      << "a line without a value says nothing";
}

TEST(ResolvConf, DomainIsAListOfOne) {
  EXPECT_THAT(search_of("domain a.example b.example\n").domains, ElementsAre("a.example"));
}

TEST(ResolvConf, AKeywordStandsAloneInTheFirstColumn) {
  EXPECT_THAT(search_of(" search a\n\tsearch a\nsearching a\nSEARCH a\nsearcha\n").domains, IsEmpty());
  EXPECT_THAT(search_of("search\ta \t b\r\n").domains, ElementsAre("a", "b"));
}

TEST(ResolvConf, DomainsComeOnceAndInOneForm) {
  EXPECT_THAT(search_of("search A.example. . a.example b.example\n").domains, ElementsAre("a.example", "b.example"));
  EXPECT_THAT(search_of("search .\n").domains, IsEmpty()) << "as systemd-resolved writes it";
}

TEST(ResolvConf, OptionsAreReadForNdots) {
  EXPECT_EQ(search_of("options timeout:1 ndots:3 rotate\n").ndots, 3U);
  EXPECT_EQ(search_of("options ndots:3\noptions edns0 trust-ad\n").ndots, 3U);
  EXPECT_EQ(search_of("options ndots:3\noptions ndots:0\n").ndots, 0U);
  EXPECT_EQ(search_of("options ndots:15\n").ndots, 15U);
  EXPECT_EQ(search_of("options ndots:16\n").ndots, 15U);
  EXPECT_EQ(search_of("options ndots:99999999999999999999\n").ndots, 15U);
  EXPECT_EQ(search_of("options ndots:2x\n").ndots, 2U) << "as strtoul reads it";
}

TEST(ResolvConf, CommentsStandInTheFirstColumn) {
  EXPECT_THAT(search_of("# search a\n;search b\nsearch c\n#\n;\n").domains, ElementsAre("c"));
  EXPECT_THAT(search_of("search a # b\n").domains, ElementsAre("a", "#", "b")) << "it is a domain to the C library";
}

TEST(ResolvConf, ADomainThatIsNoNameIsSkipped) {
  const auto conf = parse_resolv_conf("search a foo..bar b .c\n");
  EXPECT_THAT(conf.search.domains, ElementsAre("a", "b"));
  EXPECT_THAT(skipped_of("\nsearch a foo..bar b .c\n"),
              ElementsAre("2: `foo..bar` is not a domain name: an empty label",
                          "2: `.c` is not a domain name: an empty label"));
  EXPECT_THAT(parse_resolv_conf("search a\ndomain b..c\n").search.domains, IsEmpty()) << "the last line wins as it is";
}

TEST(ResolvConf, OnlyTheListThatStandsIsComplainedAbout) {
  EXPECT_THAT(skipped_of("search a..b\noptions ndots:\nsearch c\n"), ElementsAre("2: `ndots:` has no number"));
  EXPECT_THAT(skipped_of("search a..b\nsearch\n"), ElementsAre("1: `a..b` is not a domain name: an empty label"));
}

TEST(ResolvConf, NdotsWithoutANumberIsSkipped) {
  for (const std::string word : {"ndots:", "ndots:abc", "ndots:-1", "ndots:x5"}) {
    const auto conf = parse_resolv_conf("options ndots:3 " + word + " edns0\n");
    EXPECT_EQ(conf.search.ndots, 3U) << word << ": what was said before stands";
    EXPECT_THAT(skipped_of("options " + word), ElementsAre("1: `" + word + "` has no number"));
  }
  EXPECT_EQ(parse_resolv_conf("options ndots:\n").search.ndots, 1U);
}

TEST(ResolvConf, NameServersInTheirOrder) {
  const auto conf = parse_resolv_conf(
      "nameserver 192.0.2.1\n nameserver 192.0.2.2\nnameserver\nnameserver 2001:db8::1\nnameserver fe80::1%eth0\n"
      "nameserver ns.example\nnameserver 192.0.2.3 # the last\n");
  EXPECT_THAT(conf.name_servers,
              ElementsAre(Endpoint{"192.0.2.1", 53}, Endpoint{"2001:db8::1", 53}, Endpoint{"192.0.2.3", 53}));
  EXPECT_THAT(conf.skipped, IsEmpty());
}

TEST(ResolvConf, HoldsUpTo32Domains) {
  std::string line = "search";
  for (int i = 0; i < 32; ++i) line += " d" + std::to_string(i);
  EXPECT_EQ(search_of(line).domains.size(), 32U);
  EXPECT_EQ(search_of(line + " d31").domains.size(), 32U) << "one that comes twice";
  EXPECT_EQ(parse_resolv_conf(line + " d32 d33").search, search_of(line));
  EXPECT_THAT(skipped_of(line + " d32 d33"),
              ElementsAre("1: `d32` comes after 32 other domains, and no more are allowed",
                          "1: `d33` comes after 32 other domains, and no more are allowed"));
}

}  // namespace
}  // namespace pillion::config
