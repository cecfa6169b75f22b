#pragma once
// What the kernel says about this process: the source of the process_* metrics.

#include <cstdint>
#include <optional>
#include <string_view>

namespace pillion::telemetry {

struct ProcessStats {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double open_descriptors = 0;
  double max_descriptors = 0;  ///< soft limit; +Inf when there is none
  double start_time = 0;       ///< Unix seconds
};

/// Fields of /proc/PID/stat (proc(5)).
struct StatFields {
  std::uint64_t start_ticks = 0;  ///< after boot, in sysconf(_SC_CLK_TCK)
  std::uint64_t virtual_bytes = 0;
  std::int64_t resident_pages = 0;
};
/// None when the text is not of that form. The program's name in it may hold blanks and parentheses.
[[nodiscard]] std::optional<StatFields> parse_stat(std::string_view text);
/// The line `btime` of /proc/stat: when the machine booted, in Unix seconds.
[[nodiscard]] std::optional<std::uint64_t> parse_boot_time(std::string_view text);

/// What cannot be read stays 0. Reads two small files of /proc; the number of descriptors costs one stat(2) from
/// Linux 6.2 on.
[[nodiscard]] ProcessStats read_process_stats();

}  // namespace pillion::telemetry
