#pragma once
// The layers between a listener and the upstreams: routes, names answered here, the cache, and what is under way.

#include <memory>
#include <optional>

#include "cache/store.hpp"
#include "resolve/generation.hpp"
#include "resolve/in_flight.hpp"
#include "resolve/metrics.hpp"
#include "resolve/prefetch_budget.hpp"
#include "resolve/retired_groups.hpp"
#include "resolve/search_walk.hpp"
#include "runtime/log.hpp"
#include "runtime/memory.hpp"
#include "runtime/random.hpp"
#include "runtime/schedule.hpp"
#include "runtime/slab.hpp"

namespace pillion::resolve {

class Resolver {
 public:
  /// The loop's parts and `memory` outlive this.
  Resolver(runtime::Schedule& schedule, runtime::Random& random, runtime::Log& log, runtime::MemoryShares& memory,
           Setup setup);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Opens the warm connections.
  void start() { generation_->start(); }

  /// Answers from `next` from now on, which has been started; its cache is as large as the one before. Of what is
  /// cached or under way, names that are answered elsewhere now are left out, and only those. Groups that `next` does
  /// not share stay until their last query has ended. Not from within a call of this. Where it throws, nothing has
  /// changed, and `next` is still the caller's.
  void replace(std::unique_ptr<Generation>&& next);
  /// Closes what `generation`, which has been started and is not to come into use, does not share.
  void retire(const Generation& generation);

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

  /// Tells whoever traces the question what look() has gone by. To be called right after it, with what it has found.
  void explain(const dns::QueryView& query, const Found& found, const upstream::trace::Link& trace) const;

  /// Closes the upstream connections in an orderly way; they are gone when is_stopped().
  void stop();
  [[nodiscard]] bool is_stopped() const;
  /// Gives back some of what a peak has left; true if there is more. Not from within a call of this.
  [[nodiscard]] bool trim();

  [[nodiscard]] const ResolverMetrics& metrics() const { return metrics_; }
  /// For people who look into it, or empty it; nullptr where there is no cache.
  [[nodiscard]] cache::Store* cache() { return cache_.get(); }
  /// nullptr where there is no cache.
  [[nodiscard]] const cache::CacheMetrics* cache_metrics() const { return cache_ ? &cache_->metrics() : nullptr; }

 private:
  friend class SearchWalk;
  [[nodiscard]] std::optional<dns::Bytes> walk_of(const dns::QueryView& query) const;
  [[nodiscard]] Found look_without_search(const dns::QueryView& query);
  [[nodiscard]] Answer fresh_answer(const cache::Entry& entry, runtime::Time now);
  [[nodiscard]] Answer answer_from(const LocalZone& zone, const dns::QueryView& query);
  [[nodiscard]] std::optional<Answer> answer_from_cache(const dns::QueryView& query, Destination& destination);
  [[nodiscard]] upstream::trace::What place_of(const dns::QueryView& query) const;
  [[nodiscard]] upstream::trace::CacheLooked state_of_cache(const Found& found) const;
  void prefetch(const dns::QueryView& query, const Destination& destination);
  [[nodiscard]] Destination with_denial(Destination destination) const;

  runtime::Schedule& schedule_;
  runtime::Log& log_;
  ResolverMetrics metrics_;
  std::unique_ptr<Generation> generation_;
  std::uint64_t generation_number_ = 0;  // so that a walk knows whether it was begun in this one
  RetiredGroups retired_;
  std::unique_ptr<cache::Store> cache_;
  InFlight in_flight_;
  PrefetchBudget prefetch_budget_;
  runtime::MemoryShare& output_memory_;
  runtime::MemoryShare& walk_memory_;
  runtime::Slab<SearchWalk> walks_{SearchWalk::max_walks, walk_memory_, SearchWalk::usual_size};
  SearchWalk::Tools walk_tools_;
  dns::Buffer scratch_;      // a local zone's answer
  std::uint64_t turns_ = 0;  // of addresses
};

}  // namespace pillion::resolve
