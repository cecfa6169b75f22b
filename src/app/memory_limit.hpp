#pragma once
// The memory that the process may take: the configuration's limit, or a part of the cgroup's.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "runtime/memory.hpp"

namespace pillion::app {

/// Returns the contents of a file; nullopt if there is no such file. The error is the reason why it cannot be read.
using ReadFile = std::function<std::optional<std::expected<std::string, std::string>>(const std::string& path)>;

struct CgroupMemory {
  std::optional<std::size_t> limit = {};     ///< bytes; nullopt if there is none
  std::vector<std::string> unreadable = {};  ///< for each file that states no usable limit: its path and what is wrong
};

/// The lowest memory limit of the process's cgroup and its ancestors: `memory.max` of version 2,
/// `memory.limit_in_bytes` of version 1. A container sees its own cgroup as the root of the tree or, in version 1
/// without a namespace, at a path for which it has no file.
[[nodiscard]] CgroupMemory cgroup_memory(const ReadFile& read);

/// The number of threads for which the memory is enough: config.threads, or a lower number, at least 1.
[[nodiscard]] std::uint32_t fitting_threads(const config::Config& config, const CgroupMemory& cgroup);
/// Reads the cgroup's limit from the kernel.
[[nodiscard]] std::uint32_t fitting_threads(const config::Config& config);

/// The limit and how it is divided.
struct MemoryLimit {
  std::size_t bytes = 0;                   ///< for the whole process
  std::optional<std::size_t> cgroup = {};  ///< limit of the cgroup, of which `bytes` are three quarters
  std::vector<std::string> warnings = {};  ///< what is wrong with `memory`, `threads` and the cgroup's files
  std::size_t program = 0;                 ///< bytes resident before the first client
  runtime::MemoryDivision division = {};   ///< the division of the rest
  bool is_tight = false;                   ///< True if the rest is less than the program needs to work well
};

/// `program` is the number of bytes that are resident now.
[[nodiscard]] MemoryLimit memory_limit(const config::Config& config, const CgroupMemory& cgroup, std::size_t program);
/// Reads the cgroup's limit and the resident bytes from the kernel.
[[nodiscard]] MemoryLimit memory_limit(const config::Config& config);
/// The limit of a program that was not started. Its own size is that of a usual one with one thread and the usual
/// certificate authorities instead of a measured one, so that the same configuration always gives the same result.
[[nodiscard]] MemoryLimit expected_memory_limit(const config::Config& config);

/// Lines for people, each starting with `prefix`.
[[nodiscard]] std::string describe(const MemoryLimit& limit, std::string_view prefix);

}  // namespace pillion::app
