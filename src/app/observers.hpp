#pragma once
// What writes queries and messages down: made of the configuration at the start, for all shards.

#include <cstddef>
#include <optional>

#include "app/shard.hpp"
#include "config/config.hpp"
#include "runtime/log.hpp"
#include "telemetry/dnstap.hpp"
#include "telemetry/exporter.hpp"
#include "telemetry/query_log.hpp"

namespace pillion::app {

class Observers {
 public:
  /// `log` outlives this. Throws std::runtime_error where a key cannot be read any more, std::system_error where a
  /// thread cannot be started.
  Observers(const config::Config& config, runtime::Log& log);

  /// Those that want to know of this shard's queries and messages. They live as long as this.
  [[nodiscard]] ShardObservers of_shard(std::size_t shard);
  /// What they count. They outlive `sources`.
  void add_sources(telemetry::Sources& sources) const;

 private:
  std::optional<telemetry::QueryLog> query_log_;
  std::optional<telemetry::Dnstap> dnstap_;
  bool taps_clients_ = false;
  bool taps_servers_ = false;
};

}  // namespace pillion::app
