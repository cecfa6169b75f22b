#pragma once
// What follows from a configuration, and goes with it: upstream groups, routes, local zones, the search list. What
// lives longer, such as the cache and the questions under way, is the Resolver's.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/settings.hpp"
#include "dns/wire.hpp"
#include "resolve/group.hpp"
#include "resolve/local_zone.hpp"
#include "resolve/loop_probe.hpp"
#include "resolve/route_table.hpp"
#include "resolve/search_list.hpp"
#include "runtime/schedule.hpp"

namespace pillion::resolve {

/// A group with what belongs to it. Generations that have the same upstream share one, with its connections.
struct UpstreamGroup {
  std::string name;  ///< for the log
  bool encrypted = true;
  std::shared_ptr<const void> parts = {};  ///< what the group refers to, and goes with it
  std::unique_ptr<Group> group;
  std::uint64_t loop_label = 0;  ///< of a LoopProbe, where it is not encrypted: random, and of the whole process
  /// Who is asked, in any words that tell one server from another. Groups with a server in common give the same
  /// answers.
  std::vector<std::string> servers = {};
  std::unique_ptr<LoopProbe> loop_probe = {};  ///< nullptr where none is needed; made by the first generation
  bool is_started = false;
};

/// What a resolver is made of.
struct Setup {
  struct GroupRoute {
    dns::Buffer zone;
    std::size_t group = 0;  ///< in `groups`
  };
  struct Zone {
    dns::Buffer name;
    LocalZone zone;
  };

  std::vector<std::shared_ptr<UpstreamGroup>> groups;
  std::vector<GroupRoute> routes;  ///< one of them for the root; the longest zone wins
  std::vector<Zone> zones;         ///< answered from their own records
  cache::Settings cache;           ///< of size 0: answers are bounded by it, but not kept
  bool rotate = true;              ///< addresses from the cache are given in rotating order
  std::optional<SearchList> search;
};

class Generation {
 public:
  /// `schedule` outlives this, and the groups.
  Generation(runtime::Schedule& schedule, Setup setup);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  /// Opens the warm connections of groups that have none yet.
  void start();
  /// True once a first connection to any server of each group was made, or failed.
  [[nodiscard]] bool is_warm() const;

  /// Where a name is answered: by a group or by a local zone, of which the other is nullptr.
  struct Place {
    const UpstreamGroup* group = nullptr;
    const LocalZone* zone = nullptr;
  };
  [[nodiscard]] Place find(dns::Bytes name) const {
    const auto target = routes_.find(name);
    if (target >= first_zone) return {.zone = &zones_[target - first_zone].zone};
    return {.group = groups_[target].get()};
  }
  /// The zone by which find() has found the place: a suffix of `name`.
  [[nodiscard]] dns::Bytes zone_of(dns::Bytes name) const { return routes_.zone_of(name); }
  /// True if `name` is answered as a special-use domain (RFC 6761), of which the configuration says nothing.
  [[nodiscard]] bool is_special_use(dns::Bytes name) const {
    const auto target = routes_.find(name);
    return target >= first_zone && target < first_zone + special_zones_;
  }
  /// True if names beneath `name` may be answered elsewhere, so that a denial of it says nothing of them.
  [[nodiscard]] bool leads_elsewhere(dns::Bytes name) const {
    return routes_.leads_to_zone(name) || (search_ && search_->leads_to_domain(name));
  }
  [[nodiscard]] const std::optional<SearchList>& search() const { return search_; }
  /// The probe of this or another shard whose question `query` is; nullptr if it is none's.
  [[nodiscard]] LoopProbe* asking_probe(const dns::QueryView& query) const;
  [[nodiscard]] const std::vector<std::shared_ptr<UpstreamGroup>>& groups() const { return groups_; }
  [[nodiscard]] const cache::Settings& cache() const { return cache_; }
  [[nodiscard]] bool rotates() const { return rotates_; }

 private:
  /// Targets of the route table: groups by their place, local zones by theirs behind this.
  static constexpr RouteTable::Target first_zone = 0x8000;

  void make_loop_probes(runtime::Schedule& schedule, const std::vector<Setup::GroupRoute>& routes);

  std::vector<std::shared_ptr<UpstreamGroup>> groups_;
  std::vector<Setup::Zone> zones_;  // first those of special use
  RouteTable routes_;
  std::optional<SearchList> search_;
  std::vector<LoopProbe*> loop_probes_;
  cache::Settings cache_;
  bool rotates_;
  std::size_t special_zones_ = 0;  // of zones_
};

}  // namespace pillion::resolve
