#pragma once
// The memory that the process may take: the configuration's limit, or a part of the cgroup's.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "runtime/memory.hpp"

namespace pillion::app {

/// Returns the contents of a file, or nullopt if it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

/// The lowest memory limit of the process's cgroup and its ancestors, in bytes: `memory.max` of version 2,
/// `memory.limit_in_bytes` of version 1. nullopt if there is none. A container sees its own cgroup as the root of the
/// tree or, in version 1 without a namespace, at a path for which it has no file.
[[nodiscard]] std::optional<std::size_t> cgroup_memory_limit(const ReadFile& read);

/// The limit and how it is divided.
struct MemoryLimit {
  std::size_t bytes = 0;                   ///< for the whole process
  std::optional<std::size_t> cgroup = {};  ///< limit of the cgroup, of which `bytes` are three quarters
  std::size_t program = 0;                 ///< bytes resident before the first client
  runtime::MemoryDivision division = {};   ///< the division of the rest
  bool is_tight = false;                   ///< True if the rest is less than the program needs to work well
};

/// `program` is the number of bytes that are resident now.
[[nodiscard]] MemoryLimit memory_limit(const config::Config& config, std::optional<std::size_t> cgroup,
                                       std::size_t program);
/// Reads the cgroup's limit and the resident bytes from the kernel.
[[nodiscard]] MemoryLimit memory_limit(const config::Config& config);
/// The limit of a program that was not started. Its own size is that of a usual one with one thread and the usual
/// certificate authorities instead of a measured one, so that the same configuration always gives the same result.
[[nodiscard]] MemoryLimit expected_memory_limit(const config::Config& config);

/// Lines for people, each starting with `prefix`.
[[nodiscard]] std::string describe(const MemoryLimit& limit, std::string_view prefix);

}  // namespace pillion::app
