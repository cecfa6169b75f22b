#pragma once
// How much memory the program may take: what the configuration says, or what the cgroup leaves it.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "runtime/memory.hpp"

namespace pillion::app {

/// The contents of a file; nullopt if it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

/// The lowest memory limit of the process's cgroup and of those above it, in bytes: `memory.max` of version 2,
/// `memory.limit_in_bytes` of version 1. nullopt if there is none. A container sees its own cgroup as the root of the
/// tree or, in version 1 without a namespace, under a path that it has no file for.
[[nodiscard]] std::optional<std::size_t> cgroup_memory_limit(const ReadFile& read);

/// The limit and what became of it.
struct MemoryLimit {
  std::size_t bytes = 0;                   ///< for all that the process takes
  std::optional<std::size_t> cgroup = {};  ///< the cgroup's, of which `bytes` are three quarters
  std::size_t program = 0;                 ///< resident before any client came
  runtime::MemoryDivision division = {};   ///< of the rest
  bool is_tight = false;                   ///< the rest is less than it takes to work well
};

/// `program`: bytes that are resident now.
[[nodiscard]] MemoryLimit memory_limit(const config::Config& config, std::optional<std::size_t> cgroup,
                                       std::size_t program);
/// The same, with what the kernel says.
[[nodiscard]] MemoryLimit memory_limit(const config::Config& config);
/// The same for a program that has not been started: what it takes itself, one with one thread and the usual
/// certificate authorities, is not measured, so that the same configuration always gives the same.
[[nodiscard]] MemoryLimit expected_memory_limit(const config::Config& config);

/// Lines for people, each with `prefix`.
[[nodiscard]] std::string describe(const MemoryLimit& limit, std::string_view prefix);

}  // namespace pillion::app
