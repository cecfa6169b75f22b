#pragma once
// The questions that the cache could not answer. Each is in flight once, with all requests that wait for it. Shares
// answers among the waiters, puts them into the cache, and gives stale answers if no answer comes (RFC 8767).

#include <cstdint>
#include <memory>
#include <vector>

#include "cache/store.hpp"
#include "resolve/group.hpp"
#include "resolve/kept_answer.hpp"
#include "resolve/metrics.hpp"
#include "runtime/memory.hpp"
#include "runtime/schedule.hpp"
#include "runtime/slab.hpp"

namespace pillion::resolve {

class InFlight;

/// One question in flight.
class InFlightQuery final : public Request, public runtime::Deadline, upstream::trace::Tracer {
 public:
  void answered(const Answer& answer) override;

 private:
  friend class InFlight;
  /// Passes the event on to every waiter that is traced.
  void note(const upstream::trace::What& what, std::string_view step) override;
  void lost() noexcept override;
  void add_waiter(Request& request);
  void expired(runtime::Time now) override;
  [[nodiscard]] cache::Key key() const {
    return {.name = name, .type = type, .klass = klass, .dnssec_ok = dnssec_ok, .checking_disabled = checking_disabled};
  }

  InFlight* owner = nullptr;
  dns::Buffer name;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  cache::Denial denial = cache::Denial::tree;
  bool is_plaintext = false;
  bool has_loop = false;
  bool is_shared = true;
  /// True once it has been waited for long enough: a request that joins gets the stale answer at once.
  bool stale_is_due = false;
  std::uint64_t hash = 0;
  InFlightQuery* next = nullptr;  ///< next in the same bucket
  RequestList waiters;
};

/// Where to ask a question, and what is known about it before.
struct Destination {
  cache::Key key;
  Group* group = nullptr;
  bool has_stale = false;     ///< the cache has an expired answer
  bool is_plaintext = false;  ///< the group is not encrypted: a cluster's DNS
  bool has_loop = false;      ///< the group has sent a question of ours back to us
  /// The most that an NXDOMAIN of the group may deny.
  cache::Denial denial = cache::Denial::tree;
};

/// Most names have at most this many bytes.
inline constexpr std::size_t usual_name_size = 64;

class InFlight {
 public:
  /// The most questions in flight in one shard. Further ones are refused, and also those for which there is no memory.
  static constexpr std::size_t max_in_flight = 16'384;
  /// How long a client waits before it gets a stale answer (RFC 8767 section 5: the client response timer).
  static constexpr std::chrono::milliseconds stale_after{1800};

  /// `store` is the cache, or nullptr if it is off. All references must outlive this.
  InFlight(runtime::Schedule& schedule, cache::Store* store, const cache::Settings& settings, ResolverMetrics& metrics,
           runtime::MemoryShares& memory, std::uint64_t seed);
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  /// Answers `request` once, possibly before it returns: joins the question if it is in flight, or else asks the
  /// group. True if it asked the group.
  bool join(const dns::QueryView& query, const Destination& destination, Request& request);
  /// Asks the group and answers `request` once. The answer is neither shared nor put into the cache.
  void ask_alone(const dns::QueryView& query, const Destination& destination, Request& request);
  /// Asks the group for no request, so that the cache has the answer before a client needs it. False if there is no
  /// room for the query.
  bool refresh(const dns::QueryView& query, const Destination& destination);
  /// Applies the settings from now on.
  void configure(const cache::Settings& settings) { settings_ = settings; }
  /// Calls `fate_of` with the name of each question that requests may join. If it is dropped, no request joins it any
  /// more, and its answer is not put into the cache.
  template <typename FateOf>
  void sort_out(FateOf fate_of) {
    for (auto& head : buckets_) {
      for (auto* in_flight = head; in_flight != nullptr;) {
        auto& each = *in_flight;
        in_flight = each.next;
        const cache::Fate fate = fate_of(dns::Bytes(each.name));
        if (fate == cache::Fate::dropped) detach(each);
        // Some names beneath it are answered elsewhere now, so that its denial does not cover them.
        if (fate != cache::Fate::kept && each.denial == cache::Denial::tree) each.denial = cache::Denial::name;
      }
    }
  }
  /// Frees some memory that a peak has left. Must not be called from within a call of this.
  [[nodiscard]] bool trim() { return slab_.trim(); }

 private:
  friend class InFlightQuery;
  [[nodiscard]] InFlightQuery* find(const cache::Key& key, std::uint64_t hash);
  [[nodiscard]] InFlightQuery* add(const Destination& destination, std::uint64_t hash);
  void answered(InFlightQuery& in_flight, const Answer& answer);
  void remove(InFlightQuery& in_flight);
  void detach(InFlightQuery& in_flight);
  void set_up(InFlightQuery& in_flight, const Destination& destination, std::uint64_t hash);
  [[nodiscard]] Answer keep(const InFlightQuery& in_flight, const Answer& answer, cache::Preparation& prepared,
                            runtime::Time now);
  void store(const InFlightQuery& in_flight, const cache::Preparation& prepared, runtime::Time now);
  void keep_failure(const InFlightQuery& in_flight, const Answer& answer, cache::Preparation& prepared,
                    runtime::Time now);
  void promise_stale(InFlightQuery& in_flight, const Group& group, runtime::Time now);
  [[nodiscard]] bool answer_stale(const InFlightQuery& in_flight, Request& request,
                                  upstream::trace::StaleGiven::Since since, runtime::Time now);
  void answer_all_stale(InFlightQuery& in_flight, upstream::trace::StaleGiven::Since since, runtime::Time now);

  runtime::Schedule& schedule_;
  cache::Store* store_;
  cache::Settings settings_;
  ResolverMetrics& metrics_;
  runtime::MemoryShares& memory_;
  std::uint64_t seed_;
  std::vector<InFlightQuery*> buckets_;
  runtime::Slab<InFlightQuery> slab_{max_in_flight, memory_.queries, sizeof(InFlightQuery) + usual_name_size};
  /// Prepares one reply after another, since it keeps its buffers; nullptr while waiters are given what it prepared. A
  /// waiter may then ask again and be answered at once, by a preparation of its own.
  std::unique_ptr<cache::Preparation> idle_preparation_;
};

}  // namespace pillion::resolve
