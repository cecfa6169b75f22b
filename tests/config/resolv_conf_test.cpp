// What a resolv.conf says about the search list, as resolv.conf(5) and the C libraries have it.

#include "config/resolv_conf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pillion::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Search search_of(std::string_view text) {
  const auto search = parse_resolv_conf(text);
  EXPECT_TRUE(search.has_value()) << search.error();
  return search.value_or(Search{});
}

std::string problem_of(std::string_view text) {
  const auto search = parse_resolv_conf(text);
  return search ? "taken" : search.error();
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
}

TEST(ResolvConf, FaultsNameTheirLine) {
  constexpr auto a_number = " is not a number; allowed: ndots:0 to ndots:15";
  EXPECT_EQ(problem_of("\noptions ndots:x\n"), "line 2: `ndots:x`" + std::string(a_number));
  EXPECT_EQ(problem_of("options ndots:\n"), "line 1: `ndots:`" + std::string(a_number));
  EXPECT_EQ(problem_of("options ndots:-1\n"), "line 1: `ndots:-1`" + std::string(a_number));
  EXPECT_EQ(problem_of("options ndots:2x\n"), "line 1: `ndots:2x`" + std::string(a_number));
  EXPECT_EQ(
      problem_of("# a\n# b\nsearch a b..c\n"),
      "line 3: `b..c` is not a domain name: an empty label; allowed: a domain name such as default.svc.cluster.local");
}

TEST(ResolvConf, HoldsUpTo32Domains) {
  std::string line = "search";
  for (int i = 0; i < 32; ++i) line += " d" + std::to_string(i);
  EXPECT_EQ(search_of(line).domains.size(), 32U);
  EXPECT_EQ(problem_of(line + " d32"), "line 1: search has 33 domains; allowed: at most 32");
  EXPECT_EQ(search_of(line + " d31").domains.size(), 32U);
}

}  // namespace
}  // namespace pillion::config
