#pragma once
// The layers between a listener and the upstreams: routes, names answered here, the cache, and what is under way.

#include <memory>
#include <optional>
#include <vector>

#include "cache/store.hpp"
#include "resolve/group.hpp"
#include "resolve/in_flight.hpp"
#include "resolve/local_zone.hpp"
#include "resolve/loop_probe.hpp"
#include "resolve/metrics.hpp"
#include "resolve/prefetch_budget.hpp"
#include "resolve/route_table.hpp"
#include "resolve/search_list.hpp"
#include "resolve/search_walk.hpp"
#include "runtime/log.hpp"
#include "runtime/memory.hpp"
#include "runtime/random.hpp"
#include "runtime/schedule.hpp"
#include "runtime/slab.hpp"

namespace pillion::resolve {

/// What a resolver is made of.
struct Setup {
  struct UpstreamGroup {
    std::string name;  ///< for the log
    bool encrypted = true;
    std::unique_ptr<Group> group;
    std::uint64_t loop_label = 0;  ///< of a LoopProbe, where it is not encrypted: random, and of the whole process
  };
  struct GroupRoute {
    dns::Buffer zone;
    std::size_t group = 0;  ///< in `groups`
  };

  std::vector<UpstreamGroup> groups;
  struct Zone {
    dns::Buffer name;
    LocalZone zone;
  };

  std::vector<GroupRoute> routes;  ///< one of them for the root; the longest zone wins
  std::vector<Zone> zones;         ///< answered from their own records
  cache::Settings cache;           ///< of size 0: answers are bounded by it, but not kept
  bool rotate = true;              ///< addresses from the cache are given in rotating order
  std::optional<SearchList> search;
};

class Resolver {
 public:
  /// The loop's parts and `memory` outlive this.
  Resolver(runtime::Schedule& schedule, runtime::Random& random, runtime::Log& log, runtime::MemoryShares& memory,
           Setup setup);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Opens the warm connections.
  void start();

  /// A question that has to be asked for, and what has been found out about it on the way.
  struct Miss {
    Destination destination;
    std::optional<dns::Bytes> walk = {};  ///< it is the first step of a walk along the search list, of this base
    bool is_signed = false;               ///< for the upstream to be answered as it is
    bool is_recursive = true;             ///< has RD; without it the answer is neither kept nor shared
  };
  /// Either an answer, or what ask() needs. Both view `query` and this; they are good until the next call.
  struct Found {
    std::optional<Answer> answer;
    Miss miss;
  };
  /// Answers at once what the cache or a local zone can. Does not allocate once it is warm.
  [[nodiscard]] Found look(const dns::QueryView& query);
  /// Answers `request` once, now or later. `query` and `miss` are not used after the call.
  void ask(const dns::QueryView& query, const Miss& miss, Request& request);

  /// Closes the upstream connections in an orderly way; they are gone when is_stopped().
  void stop();
  [[nodiscard]] bool is_stopped() const;
  /// Gives back what a peak has left. Not from within a call of this.
  void trim();
  /// True once a first connection to any server of the root's group was made, or failed. Any thread may ask.
  [[nodiscard]] bool is_warm() const;

  [[nodiscard]] const ResolverMetrics& metrics() const { return metrics_; }
  /// nullptr where there is no cache.
  [[nodiscard]] const cache::CacheMetrics* cache_metrics() const { return cache_ ? &cache_->metrics() : nullptr; }

 private:
  friend class SearchWalk;
  [[nodiscard]] std::optional<dns::Bytes> walk_of(const dns::QueryView& query) const;
  [[nodiscard]] Found look_without_search(const dns::QueryView& query);
  [[nodiscard]] Answer fresh_answer(const cache::Entry& entry, runtime::Time now);
  [[nodiscard]] Answer answer_from(const LocalZone& zone, const dns::QueryView& query);
  [[nodiscard]] std::optional<Answer> answer_from_cache(const dns::QueryView& query, Destination& destination);
  void prefetch(const dns::QueryView& query, const Destination& destination);
  [[nodiscard]] Destination with_denial(Destination destination) const;

  runtime::Schedule& schedule_;
  runtime::Log& log_;
  ResolverMetrics metrics_;
  std::vector<Setup::UpstreamGroup> groups_;
  std::vector<Setup::Zone> zones_;
  RouteTable routes_;
  std::unique_ptr<cache::Store> cache_;
  InFlight in_flight_;
  PrefetchBudget prefetch_budget_;
  std::optional<SearchList> search_;
  runtime::MemoryShare& output_memory_;
  runtime::MemoryShare& walk_memory_;
  runtime::Slab<SearchWalk> walks_{SearchWalk::max_walks, walk_memory_, SearchWalk::usual_size};
  SearchWalk::Tools walk_tools_;
  std::vector<std::unique_ptr<LoopProbe>> loop_probes_;
  dns::Buffer scratch_;  // a local zone's answer
  bool rotates_;
  std::uint64_t turns_ = 0;  // of addresses
};

}  // namespace pillion::resolve
