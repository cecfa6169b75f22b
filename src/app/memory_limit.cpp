#include "app/memory_limit.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <sstream>
#include <vector>

#include "telemetry/process_stats.hpp"

namespace pillion::app {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;
constexpr std::size_t usual_program = 12 * mebibyte;
constexpr std::size_t without_cgroup = 256 * mebibyte;
/// The least memory to divide, whatever the limit is. Nothing works with less.
constexpr std::size_t least_to_divide = 4 * mebibyte;
/// Version 1 expresses "no limit" by the largest number of pages.
constexpr std::size_t no_limit = std::size_t{1} << 60U;

std::optional<std::size_t> read_limit(const ReadFile& read, const std::string& file) {
  const auto text = read(file);
  std::size_t limit = 0;
  if (!text) return std::nullopt;
  const auto result = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (result.ec != std::errc() || limit >= no_limit) return std::nullopt;
  return limit;
}

/// One hierarchy of cgroups.
struct Hierarchy {
  std::string mount;
  std::string file;
};

/// The lowest limit from `path` up to the root of the hierarchy.
std::optional<std::size_t> lowest_limit(const ReadFile& read, const Hierarchy& hierarchy, std::string_view path) {
  std::optional<std::size_t> lowest;
  for (;;) {
    while (path.ends_with('/')) path.remove_suffix(1);
    const auto limit = read_limit(read, hierarchy.mount + std::string(path) + "/" + hierarchy.file);
    if (limit && (!lowest || *limit < *lowest)) lowest = limit;
    if (path.empty()) return lowest;
    path = path.substr(0, path.rfind('/'));
  }
}

/// The hierarchies that a line of /proc/self/cgroup (cgroups(7)), "0::/path" or "4:memory:/path", refers to, if they
/// limit memory.
std::vector<Hierarchy> hierarchies(std::string_view controllers) {
  if (controllers.empty())
    return {{.mount = "/sys/fs/cgroup", .file = "memory.max"},
            {.mount = "/sys/fs/cgroup/unified", .file = "memory.max"}};
  const auto list = "," + std::string(controllers) + ",";
  if (list.find(",memory,") == std::string::npos) return {};
  return {{.mount = "/sys/fs/cgroup/memory", .file = "memory.limit_in_bytes"}};
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string in_mebibytes(std::size_t bytes) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << static_cast<double>(bytes) / static_cast<double>(mebibyte) << " MiB";
  return std::move(out).str();
}

}  // namespace

std::optional<std::size_t> cgroup_memory_limit(const ReadFile& read) {
  const auto text = read("/proc/self/cgroup").value_or("");
  std::optional<std::size_t> lowest;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find('\n', start), text.size());
    const auto line = std::string_view(text).substr(start, end - start);
    start = end + 1;
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    for (const auto& hierarchy : hierarchies(line.substr(first + 1, second - first - 1))) {
      const auto limit = lowest_limit(read, hierarchy, line.substr(second + 1));
      if (limit && (!lowest || *limit < *lowest)) lowest = limit;
    }
  }
  return lowest;
}

MemoryLimit memory_limit(const config::Config& config, std::optional<std::size_t> cgroup, std::size_t program) {
  MemoryLimit limit{.program = program};
  if (config.memory != 0) {
    limit.bytes = config.memory;
  } else if (cgroup) {
    limit.cgroup = cgroup;
    limit.bytes = *cgroup / 4 * 3;
  } else {
    limit.bytes = without_cgroup;
  }
  const auto rest = limit.bytes - std::min(limit.bytes, program);
  limit.is_tight = rest < least_to_divide;
  limit.division = runtime::divide_memory(std::max(rest, least_to_divide), config.cache.size * config.threads);
  return limit;
}

MemoryLimit memory_limit(const config::Config& config) {
  return memory_limit(config, cgroup_memory_limit(read_file),
                      static_cast<std::size_t>(telemetry::read_process_stats().resident_bytes));
}

MemoryLimit expected_memory_limit(const config::Config& config) {
  return memory_limit(config, cgroup_memory_limit(read_file), usual_program);
}

std::string describe(const MemoryLimit& limit, std::string_view prefix) {
  std::ostringstream out;
  const auto line = [&](std::string_view what, std::size_t bytes) {
    out << prefix << "  " << std::left << std::setw(12) << what << std::right << std::setw(11) << in_mebibytes(bytes)
        << '\n';
  };
  out << prefix << in_mebibytes(limit.bytes);
  if (limit.cgroup) out << ", three quarters of the cgroup's " << in_mebibytes(*limit.cgroup);
  out << ", of which\n";
  line("program", limit.program);
  for (const auto use : runtime::enumerators<runtime::MemoryUse>)
    line(runtime::memory_labels[use], limit.division[use]);
  return std::move(out).str();
}

}  // namespace pillion::app
