#include "config/network.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pillion::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> zones_of(std::string_view text) {
  std::vector<std::string> zones;
  for (const auto& part : split_at_labels(parse_network(text).value())) zones.push_back(reverse_zone(part));
  return zones;
}

Route to(const std::string& zone, const std::string& network) {
  return {.zone = zone, .upstream = "u", .records = {}, .network = network};
}

TEST(Network, IsWrittenInItsCanonicalForm) {
  for (const auto& [written, canonical] : {std::pair{"10.0.0.0/8", "10.0.0.0/8"},
                                           {"0.0.0.0/0", "0.0.0.0/0"},
                                           {"255.255.255.255/32", "255.255.255.255/32"},
                                           {"FC00::/7", "fc00::/7"},
                                           {"0:0::0/0", "::/0"},
                                           {"2001:DB8:0:0:1::/80", "2001:db8:0:0:1::/80"},
                                           {"::1/128", "::1/128"}})
    EXPECT_EQ(to_string(parse_network(written).value()), canonical);
}

TEST(Network, SaysWhatWouldBeRight) {
  EXPECT_THAT(parse_network("10.1.2.3/12").error(), HasSubstr("the network is 10.0.0.0/12"));
  EXPECT_THAT(parse_network("10.1.2.3/31").error(), HasSubstr("the network is 10.1.2.2/31"));
  EXPECT_THAT(parse_network("::3/127").error(), HasSubstr("the network is ::2/127"));
  EXPECT_THAT(parse_network("ffff::/1").error(), HasSubstr("the network is 8000::/1"));
  EXPECT_THAT(parse_network("10.1.2.3").error(), HasSubstr("the address alone is 10.1.2.3/32"));
  EXPECT_THAT(parse_network("::1").error(), HasSubstr("the address alone is ::1/128"));
}

TEST(ReverseZones, OfPrefixesThatEndWithALabel) {
  EXPECT_THAT(zones_of("0.0.0.0/0"), ElementsAre("in-addr.arpa"));
  EXPECT_THAT(zones_of("10.0.0.0/8"), ElementsAre("10.in-addr.arpa"));
  EXPECT_THAT(zones_of("192.168.0.0/16"), ElementsAre("168.192.in-addr.arpa"));
  EXPECT_THAT(zones_of("192.0.2.0/24"), ElementsAre("2.0.192.in-addr.arpa"));
  EXPECT_THAT(zones_of("192.0.2.1/32"), ElementsAre("1.2.0.192.in-addr.arpa"));
  EXPECT_THAT(zones_of("::/0"), ElementsAre("ip6.arpa"));
  EXPECT_THAT(zones_of("fd00::/8"), ElementsAre("d.f.ip6.arpa"));
  EXPECT_THAT(zones_of("2001:db8:a000::/36"), ElementsAre("a.8.b.d.0.1.0.0.2.ip6.arpa"));
  EXPECT_THAT(zones_of("::1/128"),
              ElementsAre("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"));
}

TEST(ReverseZones, OfPrefixesThatEndWithinALabel) {
  EXPECT_THAT(zones_of("fc00::/7"), ElementsAre("c.f.ip6.arpa", "d.f.ip6.arpa"));
  EXPECT_THAT(zones_of("192.0.2.254/31"), ElementsAre("254.2.0.192.in-addr.arpa", "255.2.0.192.in-addr.arpa"));
  EXPECT_THAT(zones_of("2001:db8::/30"), ElementsAre("8.b.d.0.1.0.0.2.ip6.arpa", "9.b.d.0.1.0.0.2.ip6.arpa",
                                                     "a.b.d.0.1.0.0.2.ip6.arpa", "b.b.d.0.1.0.0.2.ip6.arpa"));
  EXPECT_THAT(zones_of("::e/127"), ElementsAre(testing::StartsWith("e.0.0."), testing::StartsWith("f.0.0.")));
  const auto twelve = zones_of("172.16.0.0/12");
  EXPECT_EQ(twelve.size(), 16U);
  EXPECT_EQ(twelve.front(), "16.172.in-addr.arpa");
  EXPECT_EQ(twelve.back(), "31.172.in-addr.arpa");
  const auto addresses = zones_of("192.0.2.128/25");
  EXPECT_EQ(addresses.size(), 128U);
  EXPECT_EQ(addresses.front(), "128.2.0.192.in-addr.arpa");
  EXPECT_EQ(addresses.back(), "255.2.0.192.in-addr.arpa");
}

TEST(ReverseZones, AreAsManyAsThePrefixLeavesOpenAndAllDifferent) {
  for (unsigned prefix = 0; prefix <= 32; ++prefix) {
    const auto zones = zones_of("0.0.0.0/" + std::to_string(prefix));
    EXPECT_EQ(zones.size(), 1U << ((32 - prefix) % 8)) << prefix;
    EXPECT_EQ(std::set(zones.begin(), zones.end()).size(), zones.size()) << prefix;
  }
  for (unsigned prefix = 0; prefix <= 128; ++prefix) {
    const auto zones = zones_of("::/" + std::to_string(prefix));
    EXPECT_EQ(zones.size(), 1U << ((128 - prefix) % 4)) << prefix;
    EXPECT_EQ(std::set(zones.begin(), zones.end()).size(), zones.size()) << prefix;
  }
}

std::vector<std::string> texts(const std::vector<RoutedZone>& zones) {
  std::vector<std::string> texts;
  for (const auto& [zone, route] : zones) texts.push_back(zone + " " + std::to_string(route));
  return texts;
}

TEST(RoutedZones, KeepTheOrderOfTheRoutes) {
  EXPECT_THAT(texts(routed_zones({to("a.example", ""), to("", "fc00::/7"), to(".", "")})),
              ElementsAre("a.example 0", "c.f.ip6.arpa 1", "d.f.ip6.arpa 1", ". 2"));
}

TEST(RoutedZones, OfNetworksWithAZoneInCommonTheLongerHasIt) {
  for (const bool longer_first : {false, true}) {
    const auto longer = to("", "10.0.0.0/15");
    const auto shorter = to("", "10.0.0.0/14");
    const auto zones = routed_zones(longer_first ? std::vector{longer, shorter} : std::vector{shorter, longer});
    EXPECT_THAT(texts(zones), longer_first ? ElementsAre("0.10.in-addr.arpa 0", "1.10.in-addr.arpa 0",
                                                         "2.10.in-addr.arpa 1", "3.10.in-addr.arpa 1")
                                           : ElementsAre("0.10.in-addr.arpa 1", "1.10.in-addr.arpa 1",
                                                         "2.10.in-addr.arpa 0", "3.10.in-addr.arpa 0"));
  }
}

}  // namespace
}  // namespace pillion::config
