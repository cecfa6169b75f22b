#pragma once
// The questions that the cache could not answer, each under way once, with everyone who waits for it: coalescing, the
// keeping of what comes back, and stale answers when nothing does (RFC 8767).

#include <algorithm>
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

/// One question under way.
class InFlightQuery final : public Request, public runtime::Deadline, upstream::trace::Tracer {
 public:
  void answered(const Answer& answer) override;

 private:
  friend class InFlight;
  /// To every waiter that is traced.
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
  bool stale_is_due = false;  ///< it has been waited for long enough: who comes now gets the stale answer
  std::uint64_t hash = 0;
  InFlightQuery* next = nullptr;  ///< in its bucket
  RequestList waiters;
};

/// Where a question is to be asked, and what is known of it before.
struct Destination {
  cache::Key key;
  Group* group = nullptr;
  bool has_stale = false;     ///< the cache holds an expired answer
  bool is_plaintext = false;  ///< the group asks in the clear: a cluster's DNS
  bool has_loop = false;      ///< the group has sent a question of ours back to us
  /// The most that an NXDOMAIN of the group is taken to deny.
  cache::Denial denial = cache::Denial::tree;
};

/// Bytes that most names take at the most.
inline constexpr std::size_t usual_name_size = 64;

class InFlight {
 public:
  /// Questions under way in one shard; more are refused, as are those for which there is no memory.
  static constexpr std::size_t max_in_flight = 16'384;
  /// A client waits so long before it gets a stale answer (RFC 8767 section 5: the client response timer).
  static constexpr std::chrono::milliseconds stale_after{1800};

  /// `store` is the cache, nullptr for none. All references outlive this.
  InFlight(runtime::Schedule& schedule, cache::Store* store, const cache::Settings& settings, ResolverMetrics& metrics,
           runtime::MemoryShares& memory, std::uint64_t seed);
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  /// Answers `request` once, possibly before it returns: with the question that is under way already, or by asking the
  /// group. True if the group was asked.
  bool join(const dns::QueryView& query, const Destination& destination, Request& request);
  /// Answers `request` once, with an answer that is neither shared nor kept.
  void ask_alone(const dns::QueryView& query, const Destination& destination, Request& request);
  /// Asks for nobody, so that the cache has the answer before it is asked for. False if there is no room for it.
  bool refresh(const dns::QueryView& query, const Destination& destination);
  /// From now on.
  void configure(const cache::Settings& settings) { settings_ = settings; }
  /// Asks `fate_of` of the name of each question that others could join: where it is dropped, nobody joins it any more,
  /// and its answer is not kept.
  template <typename FateOf>
  void sort_out(FateOf fate_of) {
    for (auto& head : buckets_) {
      for (auto* in_flight = head; in_flight != nullptr;) {
        auto& each = *in_flight;
        in_flight = each.next;
        const cache::Fate fate = fate_of(dns::Bytes(each.name));
        if (fate == cache::Fate::dropped) detach(each);
        if (fate != cache::Fate::kept) each.denial = std::min(each.denial, cache::Denial::name);
      }
    }
  }
  /// Gives back what a peak has left. Not from within a call of this.
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
  /// For the reply that has come; nullptr while another is being handed to those who wait for it.
  std::unique_ptr<cache::Preparation> spare_;
};

}  // namespace pillion::resolve
