#pragma once
// The sources of all rooms' metrics.

#include <memory>
#include <vector>

#include "app/metric_table.hpp"
#include "cache/metric_table.hpp"
#include "resolve/metric_table.hpp"
#include "server/metric_table.hpp"
#include "telemetry/metric_table.hpp"
#include "telemetry/process_stats.hpp"
#include "upstream/metric_table.hpp"

namespace pillion::telemetry {

/// The locations of the counters, as the rooms' tables declare them. Everything pointed to must outlive the exporter,
/// or its use until replace().
struct Sources : server::DnsSources,
                 upstream::UpstreamSources,
                 app::MemorySources,         // with those of the cache
                 app::ConfigurationSources,  // with those of the resolvers
                 app::ProgramSources,
                 RecordSources {
  /// Keeps alive what is pointed to and would not outlive the exporter itself.
  std::vector<std::shared_ptr<const void>> keep;
};

/// Calls `visit` with each room's table and the sources of its values, in the order of the exposition.
template <typename Visit>
void for_each_metric_table(const Sources& sources, const ProcessStats& process, Visit visit) {
  visit(server::metric_table, sources);
  visit(cache::metric_table, sources);
  visit(resolve::metric_table, sources);
  visit(upstream::metric_table, sources);
  visit(app::memory_metric_table, sources);
  visit(app::configuration_metric_table, sources);
  visit(record_metric_table, sources);
  visit(app::program_metric_table, sources);
  visit(process_metric_table, process);
}

}  // namespace pillion::telemetry
