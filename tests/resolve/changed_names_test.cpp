#include "resolve/changed_names.hpp"

#include <gtest/gtest.h>

#include "resolve/fakes.hpp"

namespace pillion::resolve {
namespace {

using testing::HandTurned;
using testing::HoldingGroup;

std::shared_ptr<UpstreamGroup> group_of(std::vector<std::string> servers, bool encrypted = true) {
  auto group = std::make_shared<UpstreamGroup>();
  group->name = "group";
  group->encrypted = encrypted;
  group->group = std::make_unique<HoldingGroup>();
  group->servers = std::move(servers);
  return group;
}

class ChangedNamesTest : public ::testing::Test {
 protected:
  /// A generation whose routes lead to these groups, each for one zone.
  Generation generation(const std::vector<std::pair<std::string, std::shared_ptr<UpstreamGroup>>>& routes,
                        const std::vector<std::string>& zones = {}) {
    resolve::Setup setup;
    for (const auto& [zone, group] : routes) {
      setup.routes.push_back({.zone = dns::parse_name(zone).value(), .group = setup.groups.size()});
      setup.groups.push_back(group);
    }
    for (const auto& zone : zones) {
      const auto name = dns::parse_name(zone).value();
      setup.zones.push_back({.name = name, .zone = LocalZone(name, std::vector<dns::ZoneRecord>{})});
    }
    return {schedule, std::move(setup)};
  }
  static cache::Fate fate(const Generation& old, const Generation& next, std::string_view name) {
    return ChangedNames(old, next).fate_of(dns::parse_name(name).value(), false);
  }

  HandTurned schedule;
};

TEST_F(ChangedNamesTest, TheSameGroupKeepsItsNames) {
  const auto group = group_of({});
  const auto old = generation({{".", group}});
  EXPECT_EQ(fate(old, generation({{".", group}}), "www.example"), cache::Fate::kept);
}

TEST_F(ChangedNamesTest, AServerInCommonIsTheSameUpstream) {
  const auto old = generation({{".", group_of({"192.0.2.1:853 a", "192.0.2.2:853 b"})}});
  EXPECT_EQ(fate(old, generation({{".", group_of({"192.0.2.3:853 c", "192.0.2.2:853 b"})}}), "www.example"),
            cache::Fate::kept);
  EXPECT_EQ(fate(old, generation({{".", group_of({"192.0.2.3:853 c"})}}), "www.example"), cache::Fate::dropped);
  // Servers with equal addresses may differ.
  EXPECT_EQ(fate(old, generation({{".", group_of({"192.0.2.1:853 other"})}}), "www.example"), cache::Fate::dropped);
}

TEST_F(ChangedNamesTest, WhatCameInTheClearIsNotWhatComesEncrypted) {
  const auto old = generation({{".", group_of({"192.0.2.1:53 "}, false)}});
  EXPECT_EQ(fate(old, generation({{".", group_of({"192.0.2.1:53 "}, true)}}), "www.example"), cache::Fate::dropped);
  EXPECT_EQ(fate(old, generation({{".", group_of({"192.0.2.1:53 "}, false)}}), "www.example"), cache::Fate::kept);
}

TEST_F(ChangedNamesTest, NamesOfOneZoneChangeAndOthersDoNot) {
  const auto root = group_of({"a"});
  const auto office = group_of({"b"});
  const auto old = generation({{".", root}, {"internal", office}});
  const auto next = generation({{".", root}, {"corp", office}});
  EXPECT_EQ(fate(old, next, "db.internal"), cache::Fate::dropped);
  EXPECT_EQ(fate(old, next, "db.corp"), cache::Fate::dropped);
  EXPECT_EQ(fate(old, next, "corp"), cache::Fate::dropped);
  EXPECT_EQ(fate(old, next, "notcorp"), cache::Fate::kept);
  EXPECT_EQ(fate(old, next, "www.example"), cache::Fate::kept);
}

TEST_F(ChangedNamesTest, ToAndFromALocalZone) {
  const auto root = group_of({"a"});
  const auto without = generation({{".", root}});
  const auto with = generation({{".", root}}, {"db.example"});
  EXPECT_EQ(fate(without, with, "db.example"), cache::Fate::dropped);
  EXPECT_EQ(fate(with, without, "x.db.example"), cache::Fate::dropped);
  EXPECT_EQ(fate(with, without, "www.example"), cache::Fate::kept);
}

TEST_F(ChangedNamesTest, ADenialAboveANewZoneIsOfItsNameAlone) {
  const auto root = group_of({"a"});
  const auto old = generation({{".", root}});
  const auto next = generation({{".", root}, {"db.corp.example", group_of({"b"})}});
  EXPECT_EQ(fate(old, next, "corp.example"), cache::Fate::kept_for_its_name);
  EXPECT_EQ(fate(old, next, "other.example"), cache::Fate::kept);
}

}  // namespace
}  // namespace pillion::resolve
