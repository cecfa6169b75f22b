#pragma once
// The directories in which a change of the path to a file is visible.

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>

namespace pillion::app {

/// Directories, and the names in each that matter: files, symbolic links on the way to one, and missing names. If a
/// directory has no names, only whether it is itself moved or removed matters.
using WatchedDirectories = std::map<std::filesystem::path, std::set<std::string, std::less<>>>;

/// Follows each path as the kernel does (path_resolution(7)). `files` must be absolute.
[[nodiscard]] WatchedDirectories watched_directories(std::span<const std::filesystem::path> files);

/// When the last of these names was written to, moved there or assigned to another file, as far as it is visible
/// (ctime). The beginning of time if none exists.
[[nodiscard]] std::chrono::system_clock::time_point last_change(const WatchedDirectories& directories);

}  // namespace pillion::app
