#pragma once
// The metrics of the log and of records, and of the process as the kernel counts it.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/metric.hpp"
#include "telemetry/process_stats.hpp"

namespace pillion::telemetry {

struct RecordSources {
  /// One that writes records down.
  struct Sink {
    std::string name;  ///< the label `sink`
    std::function<std::uint64_t()> written;
    std::function<std::uint64_t()> dropped;
  };

  std::function<std::uint64_t()> log_lines_dropped;  ///< empty: not exported
  std::vector<Sink> sinks;                           ///< none: no metrics of them
};

inline void write_log_lines_dropped(const RecordSources& from, runtime::SeriesWriter& series) {
  if (from.log_lines_dropped) series.add({}, static_cast<double>(from.log_lines_dropped()));
}

template <auto count>
void write_of_sinks(const RecordSources& from, runtime::SeriesWriter& series) {
  for (const auto& sink : from.sinks) series.add({sink.name}, static_cast<double>((sink.*count)()));
}

inline constexpr auto record_metric_table = [] {
  using enum runtime::MetricType;
  return std::to_array<runtime::Metric<RecordSources>>({
      {{"pillion_log_lines_dropped_total", counter, "Log lines lost because standard error was not read fast enough."},
       write_log_lines_dropped},
      {{"pillion_sink_records_written_total",
        counter,
        "Lines and messages that `syslog`, `query_log` and `dnstap` have written; only if these are on.",
        {"sink"}},
       write_of_sinks<&RecordSources::Sink::written>},
      {{"pillion_sink_records_dropped_total",
        counter,
        "Lines and messages lost because the queue was full; only if `syslog`, `query_log` or `dnstap` is on.",
        {"sink"}},
       write_of_sinks<&RecordSources::Sink::dropped>},
  });
}();

template <auto value>
void write_process_value(const ProcessStats& from, runtime::SeriesWriter& series) {
  series.add({}, from.*value);
}

inline constexpr auto process_metric_table = [] {
  using enum runtime::MetricType;
  return std::to_array<runtime::Metric<ProcessStats>>({
      {{"process_cpu_seconds_total", counter, "User and system time of the process."},
       write_process_value<&ProcessStats::cpu_seconds>},
      {{"process_resident_memory_bytes", gauge, "Resident memory of the process."},
       write_process_value<&ProcessStats::resident_bytes>},
      {{"process_virtual_memory_bytes", gauge, "Virtual memory of the process."},
       write_process_value<&ProcessStats::virtual_bytes>},
      {{"process_open_fds", gauge, "Open file descriptors of the process."},
       write_process_value<&ProcessStats::open_descriptors>},
      {{"process_max_fds", gauge, "Limit of open file descriptors of the process."},
       write_process_value<&ProcessStats::max_descriptors>},
      {{"process_start_time_seconds", gauge, "When the process started, in Unix time."},
       write_process_value<&ProcessStats::start_time>},
  });
}();

}  // namespace pillion::telemetry
