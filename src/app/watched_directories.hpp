#pragma once
// Where it shows that the way to a file has changed.

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>

namespace pillion::app {

/// Directories and the names in each that matter: of files, of symbolic links on the way to one, and of what is missing
/// there. Where there are none, only whether the directory itself is moved or removed.
using WatchedDirectories = std::map<std::filesystem::path, std::set<std::string, std::less<>>>;

/// Follows each path as the kernel does, path_resolution(7); `files` are absolute.
[[nodiscard]] WatchedDirectories watched_directories(std::span<const std::filesystem::path> files);

/// When the last of these names was written to, moved there or given to another file, as far as can be seen (ctime);
/// the beginning of time where none is there.
[[nodiscard]] std::chrono::system_clock::time_point last_change(const WatchedDirectories& directories);

}  // namespace pillion::app
