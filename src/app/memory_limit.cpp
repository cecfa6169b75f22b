#include "app/memory_limit.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <iomanip>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "config/read_file.hpp"
#include "server/tcp_session.hpp"
#include "telemetry/process_stats.hpp"

namespace pillion::app {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;
constexpr std::size_t usual_program = 12 * mebibyte;
constexpr std::size_t without_cgroup = 256 * mebibyte;
/// The least memory to divide, whatever the limit is. Nothing works with less.
constexpr std::size_t least_to_divide = 4 * mebibyte;
/// What each thread but the first takes: 0.3 to 0.4 MiB before the first client, and as much to divide as a single one
/// needs. With less, a client of this thread is refused while other threads' parts are free.
constexpr std::size_t of_thread = mebibyte * 2 / 5 + least_to_divide;
/// The kernel gets this part of the cgroup's memory even if `memory` leaves less.
constexpr std::size_t least_part_of_kernel = 8;
/// The kernel's memory for all sockets but those of TCP clients: HTTP connections, upstream connections, datagrams.
constexpr std::size_t other_sockets = 2 * mebibyte;
/// Version 1 expresses "no limit" by the largest number of pages.
constexpr std::size_t no_limit = std::size_t{1} << 60U;
constexpr std::size_t max_file_size = std::size_t{64} << 10U;  // bytes
constexpr std::size_t longest_shown = 32;                      // bytes of a file that states no limit

/// The part of a cgroup's limit that the process may take. The rest is for the kernel's sockets.
std::size_t part_of(std::size_t cgroup) {
  return cgroup / 4 * 3;
}

/// Reads one file, and adds to `found` what it states.
void read_limit(const ReadFile& read, const std::string& file, CgroupMemory& found) {
  const auto content = read(file);
  if (!content) return;
  const auto is_unusable = [&](const std::string& reason) { found.unreadable.push_back("`" + file + "` " + reason); };
  if (!*content) return is_unusable("cannot be read: " + content->error());
  std::string_view text = **content;
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text == "max") return;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit == 0)
    return is_unusable("has `" + std::string(text.substr(0, longest_shown)) +
                       "` for a limit, which is no number of bytes above 0");
  if (limit < no_limit && (!found.limit || limit < *found.limit)) found.limit = limit;
}

/// One hierarchy of cgroups.
struct Hierarchy {
  std::string mount;
  std::string file;
};

/// Reads the limits from `path` up to the root of the hierarchy.
void read_limits(const ReadFile& read, const Hierarchy& hierarchy, std::string_view path, CgroupMemory& found) {
  for (;;) {
    while (path.ends_with('/')) path.remove_suffix(1);
    read_limit(read, hierarchy.mount + std::string(path) + "/" + hierarchy.file, found);
    if (path.empty()) return;
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

std::optional<std::expected<std::string, std::string>> read_if_there(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  return config::read_file(path, max_file_size);
}

std::string in_mebibytes(std::size_t bytes) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << static_cast<double>(bytes) / static_cast<double>(mebibyte) << " MiB";
  return std::move(out).str();
}

/// Leaves as many connections as the kernel has memory for, beyond the memory of the process. Answers that clients do
/// not read get the rest of the share.
void limit_connections(runtime::MemoryDivision& division, std::size_t cgroup, std::size_t process) {
  using server::TcpSession;
  const auto of_kernel = std::max(cgroup - std::min(cgroup, process), cgroup / least_part_of_kernel);
  const auto connections = (of_kernel - std::min(of_kernel / 2, other_sockets)) / TcpSession::kernel_cost;
  auto& share = division[runtime::MemoryUse::connections];
  const auto before = std::exchange(share, std::min(share, connections * TcpSession::cost));
  division[runtime::MemoryUse::output] += before - share;
}

/// Bytes.
std::size_t limit_of_process(const config::Config& config, const CgroupMemory& cgroup) {
  if (config.memory != 0) return config.memory;
  return cgroup.limit ? part_of(*cgroup.limit) : without_cgroup;
}

}  // namespace

CgroupMemory cgroup_memory(const ReadFile& read) {
  const auto content = read("/proc/self/cgroup");
  const auto text = content && *content ? **content : std::string{};
  CgroupMemory found;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find('\n', start), text.size());
    const auto line = std::string_view(text).substr(start, end - start);
    start = end + 1;
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    for (const auto& hierarchy : hierarchies(line.substr(first + 1, second - first - 1)))
      read_limits(read, hierarchy, line.substr(second + 1), found);
  }
  return found;
}

std::uint32_t fitting_threads(const config::Config& config, const CgroupMemory& cgroup) {
  const auto bytes = std::min(limit_of_process(config, cgroup), cgroup.limit.value_or(no_limit));
  const auto free = bytes - std::min(bytes, usual_program + least_to_divide);
  return static_cast<std::uint32_t>(std::min<std::size_t>(config.threads, 1 + free / of_thread));
}

std::uint32_t fitting_threads(const config::Config& config) {
  return fitting_threads(config, cgroup_memory(read_if_there));
}

MemoryLimit memory_limit(const config::Config& config, const CgroupMemory& cgroup, std::size_t program) {
  MemoryLimit limit{.bytes = limit_of_process(config, cgroup), .program = program};
  if (config.memory != 0) {
    if (cgroup.limit && config.memory > *cgroup.limit)
      limit.warnings.push_back("memory: " + in_mebibytes(config.memory) +
                               " is more than the control group's limit of " + in_mebibytes(*cgroup.limit) +
                               ", at which the kernel ends the process; right would be: auto, or at most " +
                               in_mebibytes(part_of(*cgroup.limit)));
  } else {
    for (const auto& reason : cgroup.unreadable)
      limit.warnings.push_back("memory: auto: the control group's file " + reason + "; it is passed over");
    limit.cgroup = cgroup.limit;
  }
  if (const auto fitting = fitting_threads(config, cgroup); fitting < config.threads)
    limit.warnings.push_back("threads: " + std::to_string(config.threads) + " are more than fit into the memory; " +
                             std::to_string(fitting) + " will run");
  const auto rest = limit.bytes - std::min(limit.bytes, program);
  limit.is_tight = rest < least_to_divide;
  limit.division = runtime::divide_memory(std::max(rest, least_to_divide), config.cache.size * config.threads);
  if (cgroup.limit) limit_connections(limit.division, *cgroup.limit, limit.bytes);
  return limit;
}

MemoryLimit memory_limit(const config::Config& config) {
  return memory_limit(config, cgroup_memory(read_if_there),
                      static_cast<std::size_t>(telemetry::read_process_stats().resident_bytes));
}

MemoryLimit expected_memory_limit(const config::Config& config) {
  return memory_limit(config, cgroup_memory(read_if_there), usual_program);
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
