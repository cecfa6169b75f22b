#pragma once
// The query log and dnstap of all shards, made from the configuration at the start.

#include <cstddef>
#include <optional>

#include "app/shard.hpp"
#include "config/config.hpp"
#include "runtime/log.hpp"
#include "runtime/loop.hpp"
#include "telemetry/dnstap.hpp"
#include "telemetry/exporter.hpp"
#include "telemetry/query_log.hpp"

namespace pillion::app {

class Observers {
 public:
  /// `log` must outlive this object. Throws std::runtime_error if a key file cannot be read any more, and
  /// std::system_error if a thread cannot be started.
  Observers(const config::Config& config, runtime::Log& log);

  /// Makes the observers of a shard's queries and messages, which live as long as this object. Called once for each
  /// shard, by one thread. `loop` is the shard's.
  [[nodiscard]] ShardObservers of_shard(std::size_t shard, runtime::Loop& loop);
  /// Adds the counters of the query log and of dnstap. This object must outlive `sources`.
  void add_sources(telemetry::Sources& sources) const;

 private:
  std::optional<telemetry::QueryLog> query_log_;
  std::optional<telemetry::Dnstap> dnstap_;
  bool taps_clients_ = false;
  bool taps_servers_ = false;
};

}  // namespace pillion::app
