#pragma once
// The metrics of the program as a whole: its memory, its configuration, what it is.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cache/metric_table.hpp"
#include "resolve/metric_table.hpp"
#include "runtime/enum_array.hpp"
#include "runtime/memory.hpp"
#include "runtime/metric.hpp"

namespace pillion::app {

/// The caches know the bytes that they hold.
struct MemorySources : cache::CacheSources {
  std::size_t memory_limit = 0;                      ///< bytes; 0: not exported
  std::size_t memory_program = 0;                    ///< bytes of the program itself
  std::vector<const runtime::MemoryShares*> memory;  ///< of each shard
};

/// The resolvers know the generations of which something is left.
struct ConfigurationSources : resolve::ResolverSources {
  /// The outcome of reloads.
  struct Reloads {
    runtime::Counter succeeded;
    runtime::Counter failed;
    runtime::Flag last_failed;
    runtime::Gauge loaded_at;  ///< Unix seconds of the last successful load
  };

  const Reloads* reloads = nullptr;  ///< nullptr: not exported
  std::string config_hash;           ///< hash of the configuration in use; empty: not exported
};

struct ProgramSources {
  struct Build {
    std::string version;
    std::string commit;
    std::string openssl;
  };

  std::vector<const runtime::Counter*> internal_errors;
  std::uint64_t worker_restarts = 0;
  Build build;
};

inline void write_memory_limit(const MemorySources& from, runtime::SeriesWriter& series) {
  if (from.memory_limit != 0) series.add({}, static_cast<double>(from.memory_limit));
}

inline void write_memory_used(const MemorySources& from, runtime::SeriesWriter& series) {
  if (from.memory_limit == 0) return;
  series.add({"program"}, static_cast<double>(from.memory_program));
  for (const auto use : runtime::enumerators<runtime::MemoryUse>) {
    double bytes = 0;
    if (use == runtime::MemoryUse::cache) bytes = runtime::sum(from.caches, &cache::CacheMetrics::bytes);
    for (const auto* const shard : from.memory) {
      if (const auto* const share = shard->find(use)) bytes += static_cast<double>(share->used());
    }
    series.add({runtime::memory_labels[use]}, bytes);
  }
}

inline constexpr auto memory_metric_table = [] {
  using enum runtime::MetricType;
  return std::to_array<runtime::Metric<MemorySources>>({
      {{"pillion_memory_limit_bytes", gauge,
        "Memory that the process may take: `memory`, or a part of the limit of its cgroup."},
       write_memory_limit},
      {{"pillion_memory_used_bytes",
        gauge,
        "Memory in use, by purpose; the log says at the start how much is reserved for each.",
        {"what"}},
       write_memory_used},
  });
}();

inline void write_load_time(const ConfigurationSources& from, runtime::SeriesWriter& series) {
  if (from.reloads != nullptr) series.add({}, from.reloads->loaded_at.value());
}

inline void write_last_reload(const ConfigurationSources& from, runtime::SeriesWriter& series) {
  if (from.reloads != nullptr) series.add({}, from.reloads->last_failed.value() ? 0 : 1);
}

inline void write_reloads(const ConfigurationSources& from, runtime::SeriesWriter& series) {
  if (from.reloads == nullptr) return;
  series.add_sparse({"success"}, static_cast<double>(from.reloads->succeeded.value()));
  series.add_sparse({"failure"}, static_cast<double>(from.reloads->failed.value()));
}

inline void write_generations(const ConfigurationSources& from, runtime::SeriesWriter& series) {
  if (from.reloads == nullptr) return;
  double generations = 0;
  for (const auto* const shard : from.resolvers) generations = std::max(generations, shard->generations.value());
  series.add({}, generations);
}

inline void write_config_hash(const ConfigurationSources& from, runtime::SeriesWriter& series) {
  if (!from.config_hash.empty()) series.add({from.config_hash}, 1);
}

inline constexpr auto configuration_metric_table = [] {
  using enum runtime::MetricType;
  return std::to_array<runtime::Metric<ConfigurationSources>>({
      {{"pillion_config_last_reload_success_timestamp_seconds", gauge,
        "Time when the configuration in use was loaded, in Unix time."},
       write_load_time},
      {{"pillion_config_last_reload_successful", gauge,
        "1, or 0 if the last reload was refused, so that the configuration in use is not that of the files."},
       write_last_reload},
      {{"pillion_config_reloads_total", counter, "Reloads of the configuration, by result.", {"result"}},
       write_reloads},
      {{"pillion_config_generations", gauge,
        "Configurations that still exist: the one in use, and those whose last queries have not ended."},
       write_generations},
      {{"pillion_config_info",
        gauge,
        "Always 1; the label is the start of the SHA-256 of the effective configuration.",
        {"hash"}},
       write_config_hash},
  });
}();

inline void write_internal_errors(const ProgramSources& from, runtime::SeriesWriter& series) {
  series.add({}, runtime::sum(from.internal_errors, [](const runtime::Counter& counter) -> auto& { return counter; }));
}

inline void write_worker_restarts(const ProgramSources& from, runtime::SeriesWriter& series) {
  series.add({}, static_cast<double>(from.worker_restarts));
}

inline void write_build(const ProgramSources& from, runtime::SeriesWriter& series) {
  series.add({from.build.version, from.build.commit, from.build.openssl}, 1);
}

inline constexpr auto program_metric_table = [] {
  using enum runtime::MetricType;
  return std::to_array<runtime::Metric<ProgramSources>>({
      {{"pillion_internal_errors_total", counter,
        "Exceptions that ended a client, a query, a connection or a scrape: errors of the program, or lack of memory."},
       write_internal_errors},
      {{"pillion_worker_restarts_total", counter,
        "Workers that a signal ended and the supervisor started again (`run --supervise`)."},
       write_worker_restarts},
      {{"pillion_build_info",
        gauge,
        "Always 1; the labels name the version, the commit and OpenSSL.",
        {"version", "commit", "openssl"}},
       write_build},
  });
}();

}  // namespace pillion::app
