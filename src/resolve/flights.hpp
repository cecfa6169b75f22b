#pragma once
// The questions that the cache could not answer, each under way once, with everyone who waits for it: coalescing, the
// keeping of what comes back, and stale answers when nothing does (RFC 8767).

#include <cstdint>
#include <memory>
#include <vector>

#include "cache/store.hpp"
#include "resolve/group.hpp"
#include "resolve/metrics.hpp"
#include "runtime/schedule.hpp"
#include "runtime/slab.hpp"

namespace pillion::resolve {

class Flights;

/// One question under way.
class Flight final : public Request, public runtime::Deadline {
 public:
  void answered(const Answer& answer) override;

 private:
  friend class Flights;
  void expired(runtime::Time now) override;
  [[nodiscard]] cache::Key key() const {
    return {.name = name, .type = type, .klass = klass, .dnssec_ok = dnssec_ok, .checking_disabled = checking_disabled};
  }

  Flights* owner = nullptr;
  dns::Buffer name;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  cache::Denial denial = cache::Denial::tree;
  bool is_plaintext = false;
  bool is_shared = true;
  bool stale_is_due = false;  ///< it has been waited for long enough: who comes now gets the stale answer
  std::uint64_t hash = 0;
  Flight* next = nullptr;  ///< in its bucket
  RequestList waiting;
};

/// Where a question goes, and what is known of it when it leaves.
struct Departure {
  cache::Key key;
  Group* group = nullptr;
  bool has_stale = false;     ///< the cache holds an expired answer
  bool is_plaintext = false;  ///< the group asks in the clear: a cluster's DNS
  /// The most that an NXDOMAIN of the group is taken to deny.
  cache::Denial denial = cache::Denial::tree;
};

class Flights {
 public:
  /// Questions under way in one shard; more are refused.
  static constexpr std::size_t max_flights = 16'384;
  /// A client waits so long before it gets a stale answer (RFC 8767 section 5: the client response timer).
  static constexpr std::chrono::milliseconds stale_after{1800};

  /// `store` is the cache, nullptr for none. All references outlive this.
  Flights(runtime::Schedule& schedule, cache::Store* store, const cache::Settings& settings, Metrics& metrics,
          std::uint64_t seed);
  Flights(const Flights&) = delete;
  Flights& operator=(const Flights&) = delete;

  /// Answers `request` once, possibly before it returns: with the question that is under way already, or by asking the
  /// group. True if the group was asked.
  bool board(const dns::QueryView& query, const Departure& departure, Request& request);
  /// Answers `request` once, with an answer that is neither shared nor kept.
  void ask_alone(const dns::QueryView& query, const Departure& departure, Request& request);
  /// Asks for nobody, so that the cache has the answer before it is asked for. False if there is no room for it.
  bool refresh(const dns::QueryView& query, const Departure& departure);

 private:
  friend class Flight;
  [[nodiscard]] Flight* find(const cache::Key& key, std::uint64_t hash);
  [[nodiscard]] Flight* depart(const Departure& departure, std::uint64_t hash);
  void landed(Flight& flight, const Answer& answer);
  void remove(Flight& flight);
  void start(Flight& flight, const Departure& departure, std::uint64_t hash);
  [[nodiscard]] Answer keep(const Flight& flight, const Answer& answer, cache::Preparation& prepared,
                            runtime::Time now);
  void store(const Flight& flight, const cache::Preparation& prepared, runtime::Time now);
  void keep_failure(const Flight& flight, const Answer& answer, cache::Preparation& prepared, runtime::Time now);
  void promise_stale(Flight& flight, const Group& group, runtime::Time now);
  [[nodiscard]] bool answer_stale(const Flight& flight, Request& request, runtime::Time now);
  void answer_all_stale(Flight& flight, runtime::Time now);

  runtime::Schedule& schedule_;
  cache::Store* store_;
  cache::Settings settings_;
  Metrics& metrics_;
  std::uint64_t seed_;
  std::vector<Flight*> buckets_;
  runtime::Slab<Flight> slab_{max_flights};
  /// For the reply that has landed; nullptr while another is being handed to those who wait for it.
  std::unique_ptr<cache::Preparation> spare_;
};

}  // namespace pillion::resolve
