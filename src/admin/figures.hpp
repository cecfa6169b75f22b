#pragma once
// The sum of the shards' counters at one moment, for the status page, its live figures and the verdict. Reading them
// takes no lock and does not involve the shards.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "resolve/answer_source.hpp"
#include "runtime/clock.hpp"
#include "runtime/enum_array.hpp"
#include "runtime/memory.hpp"
#include "runtime/metrics.hpp"
#include "server/metrics.hpp"
#include "server/refusal.hpp"
#include "telemetry/exporter.hpp"
#include "upstream/metrics.hpp"

namespace pillion::admin {

/// A count for each source of answers.
using BySource = runtime::EnumArray<resolve::Source, std::uint64_t>;

/// Durations counted in the buckets of runtime::duration_bounds.
struct Durations {
  std::array<std::uint64_t, runtime::duration_bounds.size() + 1> buckets{};
  double sum_seconds = 0;

  void add(const runtime::Histogram& histogram);
  void add(const Durations& other);
  [[nodiscard]] std::uint64_t count() const;
  /// The quantile in seconds, interpolated linearly within its bucket. Beyond the last bound it is that bound. nullopt
  /// if nothing was counted. `part` is from 0 to 1.
  [[nodiscard]] std::optional<double> quantile(double part) const;
  /// The mean in seconds, or nullopt if nothing was counted.
  [[nodiscard]] std::optional<double> mean() const;
  /// The durations counted since `before`, an older reading of the same counters.
  [[nodiscard]] Durations since(const Durations& before) const;
};

/// The counts of one server since the start of the program, and its state.
struct ServerFigures {
  std::string upstream;  ///< the group's name
  std::string server;    ///< "1.1.1.1:853"
  bool is_tls = true;
  bool is_up = false;           ///< True if any shard finds the server up
  bool is_tried = false;        ///< True once a connection was ready, or the server has failed
  std::uint64_t in_flight = 0;  ///< queries
  runtime::EnumArray<upstream::ConnectionLabel, std::uint64_t> connections{};
  std::array<std::uint64_t, upstream::labelled_rcodes + 1> responses{};  ///< by RCODE; the last for all others
  runtime::EnumArray<upstream::Error, std::uint64_t> failures{};
  runtime::EnumArray<upstream::Hedge, std::uint64_t> hedges{};
  std::uint64_t handshakes_full = 0;
  std::uint64_t handshakes_resumed = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t connections_opened = 0;
  std::uint64_t idle_closes = 0;
  std::uint64_t replays = 0;  ///< queries that were sent again after their connection ended
  std::uint64_t plaintext_queries = 0;
  double certificate_not_after = 0;  ///< Unix seconds; 0 if no certificate was seen
  Durations request_duration = {};

  [[nodiscard]] std::uint64_t all_responses() const;
  [[nodiscard]] std::uint64_t all_failures() const;
};

/// The caches' contents now, and their counts since the start of the program.
struct CacheFigures {
  bool is_on = false;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t limit = 0;  ///< bytes
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t stale = 0;  ///< expired answers that were given
  std::uint64_t insertions = 0;
  std::uint64_t evictions = 0;
  std::uint64_t expired = 0;
  std::uint64_t prefetches = 0;
};

/// The counts since the start of the program, and what is in use at the moment of reading.
struct Figures {
  runtime::Time at;                                               ///< when they were read
  std::uint64_t queries = 0;                                      ///< valid queries
  std::array<BySource, server::labelled_rcodes + 1> responses{};  ///< by RCODE; the last for all others
  runtime::EnumArray<resolve::Source, Durations> durations;
  runtime::EnumArray<dns::QueryError, std::uint64_t> invalid{};  ///< invalid messages
  runtime::EnumArray<server::Refusal, std::uint64_t> refused{};
  runtime::EnumArray<runtime::MemoryUse, std::uint64_t> memory_used{};    ///< bytes
  runtime::EnumArray<runtime::MemoryUse, std::uint64_t> memory_limits{};  ///< bytes
  std::uint64_t in_flight = 0;                                            ///< clients' queries
  std::uint64_t in_flight_limit = 0;
  std::uint64_t client_connections = 0;
  std::uint64_t client_connections_limit = 0;
  std::uint64_t clients_tracked = 0;
  std::uint64_t clients_banned = 0;
  std::uint64_t undelivered = 0;  ///< answers
  std::uint64_t coalesced = 0;    ///< queries that joined an in-flight query
  std::uint64_t forwarding_loops = 0;
  std::uint64_t internal_errors = 0;
  std::uint64_t log_lines_dropped = 0;
  CacheFigures cache;
  std::vector<ServerFigures> servers;  ///< in the order of the configuration

  [[nodiscard]] BySource answers() const;
  [[nodiscard]] std::uint64_t all_answers() const;
  /// The answers with SERVFAIL or REFUSED, and those of upstreams with FORMERR or NOTIMP. (With these Pillion itself
  /// answers what is the client's fault.)
  [[nodiscard]] std::uint64_t failed_answers() const;
  [[nodiscard]] std::uint64_t all_rejected() const;
  [[nodiscard]] Durations all_durations() const;
  /// The same server in these figures, or nullptr if it is not there.
  [[nodiscard]] const ServerFigures* find(const ServerFigures& server) const;
};

/// Any thread may call it. `now` becomes Figures::at.
[[nodiscard]] Figures read_figures(const telemetry::Sources& from, runtime::Time now);

}  // namespace pillion::admin
