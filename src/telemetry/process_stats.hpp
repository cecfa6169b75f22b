#pragma once
// The kernel's statistics of this process, for the process_* metrics.

#include <cstdint>
#include <optional>
#include <string_view>

namespace pillion::telemetry {

struct ProcessStats {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double open_descriptors = 0;
  double max_descriptors = 0;  ///< soft limit; +Inf if there is none
  double start_time = 0;       ///< Unix seconds
};

/// Fields of /proc/PID/stat (proc(5)).
struct StatFields {
  std::uint64_t start_ticks = 0;  ///< after boot, in sysconf(_SC_CLK_TCK)
  std::uint64_t virtual_bytes = 0;
  std::int64_t resident_pages = 0;
};
/// nullopt if the text does not have that form. The program's name in it may contain blanks and parentheses.
[[nodiscard]] std::optional<StatFields> parse_stat(std::string_view text);
/// The line `btime` of /proc/stat: the boot time in Unix seconds.
[[nodiscard]] std::optional<std::uint64_t> parse_boot_time(std::string_view text);

/// Values that cannot be read are 0. Reads two small files of /proc. The number of descriptors takes one stat(2) from
/// Linux 6.2 on.
[[nodiscard]] ProcessStats read_process_stats();

}  // namespace pillion::telemetry
