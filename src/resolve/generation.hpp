#pragma once
// Everything that a configuration determines and that is replaced with it: upstream groups, routes, local zones, the
// search list. What lives longer, such as the cache and the in-flight queries, belongs to the Resolver.

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

/// A group with everything that belongs to it. Generations with the same upstream share one, including its
/// connections.
struct UpstreamGroup {
  std::string name;  ///< name of the upstream, for the log
  bool encrypted = true;
  std::shared_ptr<const void> parts = {};  ///< what the group refers to; destroyed with it
  std::unique_ptr<Group> group;
  /// The random label of the group's LoopProbe if it is not encrypted; the same in the whole process.
  std::uint64_t loop_label = 0;
  /// The identities of the servers, as any texts that differ between servers. Two groups with a server in common give
  /// the same answers.
  std::vector<std::string> servers = {};
  std::unique_ptr<LoopProbe> loop_probe = {};  ///< nullptr if none is needed; the first generation makes it
  bool is_started = false;
};

/// The parts of a generation.
struct Setup {
  struct GroupRoute {
    dns::Buffer zone;
    std::size_t group = 0;  ///< index in `groups`
  };
  struct Zone {
    dns::Buffer name;
    LocalZone zone;
  };

  std::vector<std::shared_ptr<UpstreamGroup>> groups;
  std::vector<GroupRoute> routes;  ///< one of them is for the root; the longest zone wins
  std::vector<Zone> zones;         ///< zones that are answered from their own records
  cache::Settings cache;           ///< with size 0, answers are limited by these settings but not kept
  bool rotate = true;              ///< True if address records from the cache are handed out in rotating order
  std::optional<SearchList> search;
};

class Generation {
 public:
  /// `schedule` must outlive this and the groups.
  Generation(runtime::Schedule& schedule, Setup setup);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  /// Opens the first connections of groups that have not been started.
  void start();
  /// True once a first connection to any server of each group was opened or has failed.
  [[nodiscard]] bool is_warm() const;

  /// The group or the local zone that answers a name; the other one is nullptr.
  struct Place {
    const UpstreamGroup* group = nullptr;
    const LocalZone* zone = nullptr;
  };
  [[nodiscard]] Place find(dns::Bytes name) const {
    const auto target = routes_.find(name);
    if (target >= first_zone) return {.zone = &zones_[target - first_zone].zone};
    return {.group = groups_[target].get()};
  }
  /// The name by which find() chooses who answers `question`. This is the question's own, except for the DS records of
  /// a special-use zone that the public DNS delegates: they are records of the zone above (RFC 4035 section 2.4). Its
  /// server proves that the special-use zone is not signed, so that a validating client accepts our answers (RFC 8375
  /// section 4, RFC 6303 section 7).
  [[nodiscard]] dns::NameView name_to_route(const dns::Question& question) const {
    const bool is_above = question.type == dns::type::ds && is_delegated_special_use(question.name);
    return is_above ? question.name.parent() : question.name;
  }
  /// The zone by which find() chooses: a suffix of `name`.
  [[nodiscard]] dns::Bytes zone_of(dns::Bytes name) const { return routes_.zone_of(name); }
  /// True if `name` is answered as a special-use name (RFC 6761), which the configuration does not mention.
  [[nodiscard]] bool is_special_use(dns::Bytes name) const {
    const auto target = routes_.find(name);
    return target >= first_zone && target < first_zone + special_zones_;
  }
  /// True if names beneath `name` may be answered elsewhere, so that a denial of `name` does not cover them.
  [[nodiscard]] bool leads_elsewhere(dns::Bytes name) const {
    return routes_.leads_to_zone(name) || (search_ && search_->leads_to_domain(name));
  }
  [[nodiscard]] const std::optional<SearchList>& search() const { return search_; }
  /// The loop probe, of this shard or another, that sent `query`; nullptr if none did.
  [[nodiscard]] LoopProbe* asking_probe(const dns::QueryView& query) const;
  [[nodiscard]] const std::vector<std::shared_ptr<UpstreamGroup>>& groups() const { return groups_; }
  [[nodiscard]] const cache::Settings& cache() const { return cache_; }
  [[nodiscard]] bool rotates() const { return rotates_; }

 private:
  /// Targets of the route table: a group's target is its index, a local zone's is this number plus its index.
  static constexpr RouteTable::Target first_zone = 0x8000;

  [[nodiscard]] bool is_delegated_special_use(dns::NameView name) const;
  void make_loop_probes(runtime::Schedule& schedule, const std::vector<Setup::GroupRoute>& routes);

  std::vector<std::shared_ptr<UpstreamGroup>> groups_;
  std::vector<Setup::Zone> zones_;  // the special-use zones come first
  RouteTable routes_;
  std::optional<SearchList> search_;
  std::vector<LoopProbe*> loop_probes_;
  cache::Settings cache_;
  bool rotates_;
  std::size_t special_zones_ = 0;  // number of special-use zones in zones_
};

}  // namespace pillion::resolve
