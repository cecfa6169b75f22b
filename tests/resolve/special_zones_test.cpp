#include "resolve/special_zones.hpp"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resolve/ask_zone.hpp"
#include "resolve/route_table.hpp"

namespace pillion::resolve::testing {
namespace {

using dns::testing::name_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
namespace type = dns::type;
namespace rcode = dns::rcode;

class SpecialZones : public ::testing::Test {
 protected:
  SpecialZones() {
    for (std::size_t i = 0; i < zones_.size(); ++i) {
      routes_.add(zones_[i].name, static_cast<RouteTable::Target>(i + 1));
    }
  }

  /// The zone of a name; nullptr if the name is forwarded.
  [[nodiscard]] const SpecialZone* zone_for(std::string_view name) const {
    const auto target = routes_.find(name_of(name));
    return target == 0 ? nullptr : &zones_[target - 1U];
  }
  [[nodiscard]] Response ask_for(std::string_view name, std::uint16_t rr_type) const {
    const auto* zone = zone_for(name);
    if (zone == nullptr) throw std::runtime_error(std::string(name) + " is not in a zone");
    return ask(zone->zone, name, rr_type);
  }

  std::vector<SpecialZone> zones_ = special_zones();
  RouteTable routes_{0};
};

TEST_F(SpecialZones, LocalhostAndAllBeneathIsTheLoopback) {  // RFC 6761 6.3
  for (const std::string name : {"localhost.", "LocalHost.", "app.localhost.", "a.b.localhost."}) {
    EXPECT_THAT(ask_for(name, type::a).answers, ElementsAre(name + " 10800 A 127.0.0.1"));
    EXPECT_THAT(ask_for(name, type::aaaa).answers, ElementsAre(name + " 10800 AAAA ::1"));
    const auto other = ask_for(name, type::mx);  // "always respond … with negative responses for all other types"
    EXPECT_EQ(other.rcode, rcode::noerror);
    EXPECT_THAT(other.answers, IsEmpty());
    EXPECT_THAT(other.authorities, SizeIs(1));
  }
}

TEST_F(SpecialZones, NamesThatDoNotExist) {
  for (const auto* name : {
           "x.invalid",      // RFC 6761 6.4
           "x.test",         // RFC 6761 6.2
           "printer.local",  // RFC 6762 22.1
           "x.onion",        // RFC 7686 2
           "x.alt",          // RFC 9476 2
           "nas.home.arpa",  // RFC 8375 4
       }) {
    const auto response = ask_for(name, type::a);
    EXPECT_EQ(response.rcode, rcode::nxdomain) << name;
    ASSERT_THAT(response.authorities, SizeIs(1)) << name;
  }
  EXPECT_EQ(ask_for("invalid", type::a).rcode, rcode::noerror);  // the zone's own name has an SOA, so it exists
}

TEST_F(SpecialZones, TheRecordsOfAnEmptyZone) {  // RFC 6303 section 3
  EXPECT_THAT(ask_for("10.in-addr.arpa", type::soa).answers,
              ElementsAre("10.in-addr.arpa. 10800 SOA 10.in-addr.arpa. nobody.invalid. 1 3600 1200 604800 10800"));
  EXPECT_THAT(ask_for("10.in-addr.arpa", type::ns).answers, ElementsAre("10.in-addr.arpa. 10800 NS 10.in-addr.arpa."));
  EXPECT_THAT(ask_for("4.3.2.10.in-addr.arpa", type::ptr).authorities,
              ElementsAre("10.in-addr.arpa. 10800 SOA 10.in-addr.arpa. nobody.invalid. 1 3600 1200 604800 10800"));
}

TEST_F(SpecialZones, ReverseNamesOfIpv4) {  // RFC 6303 4.1 and 4.2, RFC 7793 section 2
  for (const auto* name :
       {"1.2.0.10.in-addr.arpa", "1.0.16.172.in-addr.arpa", "1.0.20.172.in-addr.arpa", "1.0.31.172.in-addr.arpa",
        "1.0.168.192.in-addr.arpa", "1.0.0.0.in-addr.arpa", "2.0.0.127.in-addr.arpa", "1.1.254.169.in-addr.arpa",
        "1.2.0.192.in-addr.arpa", "1.100.51.198.in-addr.arpa", "1.113.0.203.in-addr.arpa", "1.0.64.100.in-addr.arpa",
        "1.0.99.100.in-addr.arpa", "1.0.127.100.in-addr.arpa"}) {
    EXPECT_EQ(ask_for(name, type::ptr).rcode, rcode::nxdomain) << name;
  }
  EXPECT_EQ(ask_for("255.255.255.255.in-addr.arpa", type::ptr).rcode, rcode::noerror);  // the zone's own name
}

TEST_F(SpecialZones, ReverseNamesOfIpv6) {  // RFC 6303 4.3 to 4.6
  for (const auto* name : {"1.0.0.d.f.ip6.arpa", "1.8.e.f.ip6.arpa", "1.9.e.f.ip6.arpa", "1.a.e.f.ip6.arpa",
                           "1.b.e.f.ip6.arpa", "1.8.b.d.0.1.0.0.2.ip6.arpa"}) {
    EXPECT_EQ(ask_for(name, type::ptr).rcode, rcode::nxdomain) << name;
  }
}

TEST_F(SpecialZones, TheLoopbacksAddressesHaveItsName) {  // RFC 6761 6.3 the other way round
  EXPECT_THAT(ask_for("1.0.0.127.in-addr.arpa", type::ptr).answers,
              ElementsAre("1.0.0.127.in-addr.arpa. 10800 PTR localhost."));
  std::string ipv6 = "1.";
  for (int i = 0; i < 31; ++i) ipv6 += "0.";
  ipv6 += "ip6.arpa.";
  EXPECT_THAT(ask_for(ipv6, type::ptr).answers, ElementsAre(ipv6 + " 10800 PTR localhost."));
  ipv6[0] = '0';  // ::
  EXPECT_THAT(ask_for(ipv6, type::ptr).answers, IsEmpty());
  ipv6[0] = '2';
  EXPECT_EQ(zone_for(ipv6), nullptr);
}

TEST_F(SpecialZones, NoDesignatedResolver) {  // RFC 9462 section 4: NODATA
  for (const auto* name : {"_dns.resolver.arpa", "resolver.arpa", "x.y.resolver.arpa"}) {
    const auto response = ask_for(name, type::svcb);
    EXPECT_EQ(response.rcode, rcode::noerror) << name;
    EXPECT_THAT(response.answers, IsEmpty()) << name;
    EXPECT_THAT(response.authorities, SizeIs(1)) << name;
  }
}

TEST_F(SpecialZones, OtherNamesAreForwarded) {
  for (const auto* name : {
           "example",
           "www.example",
           "www.example.com",  // RFC 6761 6.5
           "ipv4only.arpa",
           "170.0.0.192.in-addr.arpa",  // RFC 8880 7.1, 7.2
           "in-addr.arpa",
           "ip6.arpa",
           "arpa",
           "com",
           ".",
           "1.0.15.172.in-addr.arpa",
           "1.0.32.172.in-addr.arpa",  // beside 172.16/12
           "1.0.63.100.in-addr.arpa",
           "1.0.128.100.in-addr.arpa",  // beside 100.64/10
           "1.0.169.192.in-addr.arpa",
           "1.1.1.1.in-addr.arpa",
           "254.255.255.255.in-addr.arpa",
           "1.c.f.ip6.arpa",  // fc00::/8 is not in the registry
           "1.c.e.f.ip6.arpa",
           "1.0.0.2.ip6.arpa",
           "internal",
           "notlocalhost",
           "localhost.example",
       }) {
    EXPECT_EQ(zone_for(name), nullptr) << name;
  }
}

TEST_F(SpecialZones, EachOnceAndWithItsRfc) {
  EXPECT_THAT(zones_, SizeIs(8 + 33 + 64));  // names; RFC 6303; RFC 7793
  std::set<std::string> names;
  for (const auto& zone : zones_) {
    EXPECT_TRUE(names.insert(dns::to_text(zone.name)).second) << dns::to_text(zone.name);
    EXPECT_THAT(std::string(zone.rfc), StartsWith("RFC "));
  }
}

TEST_F(SpecialZones, WhatIsAddedLaterGoesBefore) {
  routes_.add(name_of("cluster.local"), 1'000);
  routes_.add(name_of("10.in-addr.arpa"), 1'001);
  EXPECT_EQ(routes_.find(name_of("kubernetes.default.svc.cluster.local")), 1'000);
  EXPECT_EQ(routes_.find(name_of("4.3.2.10.in-addr.arpa")), 1'001);
  EXPECT_EQ(zone_for("printer.local")->rfc, "RFC 6762 22.1");
}

}  // namespace
}  // namespace pillion::resolve::testing
