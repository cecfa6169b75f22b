#pragma once
// The layers between the listeners and the upstreams: routes, local answers, the cache, and the in-flight queries.

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
  /// All references must outlive this.
  Resolver(runtime::Schedule& schedule, runtime::Random& random, runtime::Log& log, runtime::MemoryShares& memory,
           Setup setup);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Opens the first connections.
  void start() { generation_->start(); }

  /// Answers from `next` from now on. `next` must have been started, and its cache must have the old size. Cached
  /// answers and in-flight queries are dropped for exactly those names that are now answered elsewhere. Groups that
  /// `next` does not share stay until their last query has ended. Must not be called from within a call of this. If it
  /// throws, nothing has changed, and the caller still has `next`.
  void replace(std::unique_ptr<Generation>&& next);
  /// Closes the groups of `generation` that this resolver does not use. `generation` must have been started and is
  /// never used.
  void retire(const Generation& generation);

  /// A question that must be asked, and what look() has found out about it.
  struct Miss {
    Destination destination;
    /// If it is the first step of a walk along the search list, the base of that walk.
    std::optional<dns::Bytes> walk = {};
    bool is_signed = false;    ///< True if the query is signed, so that the upstream must get and answer it unchanged
    bool is_recursive = true;  ///< True if RD is set; otherwise the answer is neither cached nor shared
  };
  /// Either an answer, or what ask() needs. Both view `query` and this resolver, and are valid until the next call.
  struct Found {
    std::optional<Answer> answer;
    Miss miss;
  };
  /// Answers at once from the cache or a local zone if possible. Does not allocate once it is warm.
  [[nodiscard]] Found look(const dns::QueryView& query);
  /// Answers `request` once, now or later. `query` and `miss` are not used after the call.
  void ask(const dns::QueryView& query, const Miss& miss, Request& request);

  /// Tells the tracer how look() has decided. Called directly after look(), with its result.
  void explain(const dns::QueryView& query, const Found& found, const upstream::trace::Link& trace) const;

  /// Fails the queries that are in flight and closes the upstream connections. They are closed when is_stopped().
  void stop();
  [[nodiscard]] bool is_stopped() const;
  /// Frees some memory that a peak has left. True if there is more. Must not be called from within a call of this.
  [[nodiscard]] bool trim();

  [[nodiscard]] const ResolverMetrics& metrics() const { return metrics_; }
  /// The cache, for the admin server; nullptr if it is off.
  [[nodiscard]] cache::Store* cache() { return cache_.get(); }
  /// The cache's counters, or nullptr if it is off.
  [[nodiscard]] const cache::CacheMetrics* cache_metrics() const { return cache_ ? &cache_->metrics() : nullptr; }

 private:
  friend class SearchWalk;
  [[nodiscard]] std::optional<dns::Bytes> walk_of(const dns::QueryView& query) const;
  [[nodiscard]] Found look_without_search(const dns::QueryView& query);
  void ask_upstream(const dns::QueryView& query, const Miss& miss, Request& request);
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
  std::uint64_t generation_number_ = 0;  // tells a walk whether it began in this generation
  RetiredGroups retired_;
  std::unique_ptr<cache::Store> cache_;
  InFlight in_flight_;
  PrefetchBudget prefetch_budget_;
  runtime::MemoryShare& output_memory_;
  runtime::MemoryShare& walk_memory_;
  runtime::Slab<SearchWalk> walks_{SearchWalk::max_walks, walk_memory_, SearchWalk::usual_size};
  SearchWalk::Tools walk_tools_;
  dns::Buffer scratch_;      // a local zone's answer
  std::uint64_t turns_ = 0;  // state of the random numbers for rotating addresses
};

}  // namespace pillion::resolve
