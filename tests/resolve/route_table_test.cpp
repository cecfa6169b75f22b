#include "resolve/route_table.hpp"

#include <string>

#include <gtest/gtest.h>

#include "dns/message_builder.hpp"

namespace pillion::resolve {
namespace {

using dns::testing::joined;
using dns::testing::label_of;
using dns::testing::labels_of;
using dns::testing::name_of;

TEST(RouteTable, TheRootHasWhatNoZoneHas) {
  const RouteTable table(7);
  EXPECT_EQ(table.find(name_of(".")), 7);
  EXPECT_EQ(table.find(name_of("www.example.com")), 7);
}

TEST(RouteTable, TheLongestZoneWinsInAnyOrderOfAdding) {
  for (const bool longest_first : {true, false}) {
    RouteTable table(0);
    if (longest_first) table.add(name_of("db.corp.example"), 2);
    table.add(name_of("example"), 1);
    if (!longest_first) table.add(name_of("db.corp.example"), 2);
    EXPECT_EQ(table.find(name_of("example")), 1);
    EXPECT_EQ(table.find(name_of("www.example")), 1);
    EXPECT_EQ(table.find(name_of("corp.example")), 1);  // only lies between two zones
    EXPECT_EQ(table.find(name_of("www.corp.example")), 1);
    EXPECT_EQ(table.find(name_of("db.corp.example")), 2);
    EXPECT_EQ(table.find(name_of("a.b.c.db.corp.example")), 2);
    EXPECT_EQ(table.find(name_of("db.example")), 1);
    EXPECT_EQ(table.find(name_of("com")), 0);
  }
}

TEST(RouteTable, NoCase) {  // RFC 4343 section 3
  RouteTable table(0);
  table.add(name_of("Cluster.LOCAL"), 1);
  EXPECT_EQ(table.find(name_of("kubernetes.default.svc.cluster.local")), 1);
  EXPECT_EQ(table.find(name_of("X.CLUSTER.local")), 1);
  EXPECT_EQ(table.find(name_of("c\\076uster.local")), 1);   // an L as a decimal escape
  EXPECT_EQ(table.find(name_of("cluster\\000.local")), 0);  // one byte more
}

TEST(RouteTable, WholeLabelsOnly) {
  RouteTable table(0);
  table.add(name_of("example.com"), 1);
  EXPECT_EQ(table.find(name_of("anexample.com")), 0);
  EXPECT_EQ(table.find(name_of("a\\.example.com")), 0);            // one label "a.example"
  EXPECT_EQ(table.find(name_of("x\\007example\\003com.net")), 0);  // its bytes contain those of the zone
}

TEST(RouteTable, TheSameLabelBeneathOthersIsAnother) {
  RouteTable table(0);
  table.add(name_of("a.a.a"), 3);
  table.add(name_of("a"), 1);
  table.add(name_of("a.b"), 2);
  EXPECT_EQ(table.find(name_of("a.a")), 1);
  EXPECT_EQ(table.find(name_of("x.a.a.a")), 3);
  EXPECT_EQ(table.find(name_of("a.a.b")), 2);
  EXPECT_EQ(table.find(name_of("b.a.b")), 2);
  EXPECT_EQ(table.find(name_of("b")), 0);
}

TEST(RouteTable, AddingAgainReplaces) {
  RouteTable table(0);
  table.add(name_of("example"), 1);
  table.add(name_of("EXAMPLE"), 2);
  EXPECT_EQ(table.find(name_of("www.example")), 2);
  table.add(name_of("."), 9);
  EXPECT_EQ(table.find(name_of("com")), 9);
  EXPECT_EQ(table.find(name_of("www.example")), 2);
}

TEST(RouteTable, NamesThatLeadToZones) {
  RouteTable table(0);
  EXPECT_FALSE(table.leads_to_zone(name_of("example")));
  table.add(name_of("db.corp.example"), 1);
  EXPECT_TRUE(table.leads_to_zone(name_of("EXAMPLE")));
  EXPECT_TRUE(table.leads_to_zone(name_of("corp.example")));
  EXPECT_TRUE(table.leads_to_zone(name_of("db.corp.example")));
  EXPECT_FALSE(table.leads_to_zone(name_of("x.db.corp.example")));
  EXPECT_FALSE(table.leads_to_zone(name_of("com.example")));
}

TEST(RouteTable, TheLongestNames) {  // RFC 1035 2.3.4
  const auto most_labels = joined({labels_of(127, 1), {0}});
  const auto longest_labels = joined({labels_of(3, 63), label_of(std::string(61, 'z')), {0}});
  ASSERT_EQ(most_labels.size(), dns::max_name_size);
  ASSERT_EQ(longest_labels.size(), dns::max_name_size);
  RouteTable table(0);
  table.add(most_labels, 1);
  table.add(longest_labels, 2);
  EXPECT_EQ(table.find(most_labels), 1);
  EXPECT_EQ(table.find(longest_labels), 2);
  EXPECT_EQ(table.find(dns::Bytes(most_labels).subspan(2)), 0);
  EXPECT_TRUE(table.leads_to_zone(dns::Bytes(most_labels).subspan(2)));
}

TEST(RouteTable, ThousandsOfZones) {
  constexpr std::uint16_t zones = 5'000;
  RouteTable table(0);
  for (std::uint16_t i = 1; i <= zones; ++i) table.add(name_of(std::to_string(i) + ".zone.example"), i);
  for (std::uint16_t i = 1; i <= zones; ++i) {
    ASSERT_EQ(table.find(name_of("www." + std::to_string(i) + ".zone.example")), i);
  }
  EXPECT_EQ(table.find(name_of("5001.zone.example")), 0);
}

}  // namespace
}  // namespace pillion::resolve
