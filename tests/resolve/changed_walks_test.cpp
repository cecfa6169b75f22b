#include <gtest/gtest.h>

#include "presentation/zone_text.hpp"
#include "resolve/changed_names.hpp"
#include "resolve/fakes.hpp"

namespace pillion::resolve {
namespace {

using dns::testing::name_of;
using testing::HandTurned;
using testing::HoldingGroup;

class ChangedWalksTest : public ::testing::Test {
 protected:
  static std::shared_ptr<UpstreamGroup> group(std::vector<std::string> servers, bool encrypted = true) {
    auto made = std::make_shared<UpstreamGroup>();
    made->name = servers.front();
    made->encrypted = encrypted;
    made->group = std::make_unique<HoldingGroup>();
    made->servers = std::move(servers);
    return made;
  }
  static resolve::Setup to_root(std::shared_ptr<UpstreamGroup> root) {
    resolve::Setup setup;
    setup.groups.push_back(std::move(root));
    setup.routes.push_back({.zone = {0}, .group = 0});
    return setup;
  }
  static resolve::Setup::Zone zone(std::string_view name, std::string_view record) {
    auto origin = name_of(name);
    std::vector<dns::ZoneRecord> records{presentation::parse_zone_record(record, origin).value()};
    return {.name = origin, .zone = LocalZone(origin, std::move(records))};
  }
  static void route(resolve::Setup& setup, std::string_view name, std::shared_ptr<UpstreamGroup> to) {
    setup.routes.push_back({.zone = name_of(name), .group = setup.groups.size()});
    setup.groups.push_back(std::move(to));
  }
  cache::Fate fate(resolve::Setup old_setup, resolve::Setup next_setup, std::string_view name, bool searched = false) {
    const Generation old(schedule, std::move(old_setup));
    const Generation next(schedule, std::move(next_setup));
    return ChangedNames(old, next).fate_of(name_of(name), searched);
  }
  static SearchList search() { return {{name_of("a.example"), name_of("b.example")}, 5}; }

  HandTurned schedule;
};

TEST_F(ChangedWalksTest, AWalkIsKeptWhileAllOfItIsAnsweredAlike) {
  const auto root = group({"a"});
  const auto plain = [&] {
    auto setup = to_root(root);
    setup.search = search();
    return setup;
  };
  EXPECT_EQ(fate(plain(), plain(), "x.y.a.example", true), cache::Fate::kept);
  EXPECT_EQ(fate(plain(), to_root(root), "x.y.a.example", true), cache::Fate::dropped);
  auto candidate = plain();
  route(candidate, "y.b.example", group({"b"}));
  EXPECT_EQ(fate(plain(), std::move(candidate), "x.y.a.example", true), cache::Fate::dropped);
}

TEST_F(ChangedWalksTest, AWalkGoesWithAGuardThatIsAnsweredElsewhere) {
  const auto root = group({"a"});
  const auto same = group({"c"});
  const auto with_candidate = [&] {
    auto setup = to_root(root);
    route(setup, "x.y.a.example", same);
    setup.search = search();
    return setup;
  };
  // The guard y.a.example gets another route, and the candidate below it has its own route.
  auto next = with_candidate();
  route(next, "y.a.example", group({"b"}));
  EXPECT_EQ(fate(with_candidate(), std::move(next), "x.y.a.example", true), cache::Fate::dropped);
}

TEST_F(ChangedWalksTest, AWalkThroughALocalZoneLastsAsLongAsItsRecords) {
  const auto root = group({"a"});
  const auto with_record = [&](std::string_view record) {
    auto setup = to_root(root);
    setup.zones.push_back(zone("b.example", record));
    setup.search = search();
    return setup;
  };
  const auto* const before = "x.y 60 A 192.0.2.1";
  EXPECT_EQ(fate(with_record(before), with_record(before), "x.y.a.example", true), cache::Fate::kept);
  EXPECT_EQ(fate(with_record(before), with_record("x.y 60 A 192.0.2.2"), "x.y.a.example", true), cache::Fate::dropped);
}

}  // namespace
}  // namespace pillion::resolve
