#include "app/watched_directories.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <system_error>

namespace pillion::app {
namespace {

namespace fs = std::filesystem;

std::chrono::system_clock::time_point time_point(const timespec& time) {
  const auto since = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  return std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(since));
}

constexpr int max_links = 40;  // as in the kernel: more links are a loop

void follow(const fs::path& file, WatchedDirectories& directories) {
  std::deque<fs::path> todo(file.begin(), file.end());
  fs::path current = "/";  // without links, so that `..` is its parent
  for (int links = 0; !todo.empty();) {
    const auto name = todo.front();
    todo.pop_front();
    if (name.empty() || name == "." || name == "/") continue;
    if (name == "..") {
      current = current.parent_path();
      continue;
    }
    auto& names = directories[current];
    const auto next = current / name;
    std::error_code error;
    const auto status = fs::symlink_status(next, error);
    if (fs::is_directory(status) && !todo.empty()) {
      current = next;
      continue;
    }
    // The file, a link on the way, or a missing name.
    names.insert(name.string());
    if (!fs::is_symlink(status) || ++links > max_links) return;
    const auto target = fs::read_symlink(next, error);
    if (target.is_absolute()) current = "/";
    todo.insert(todo.begin(), target.begin(), target.end());
  }
}

}  // namespace

WatchedDirectories watched_directories(std::span<const fs::path> files) {
  WatchedDirectories directories;
  for (const auto& file : files) follow(file, directories);
  return directories;
}

std::chrono::system_clock::time_point last_change(const WatchedDirectories& directories) {
  std::chrono::system_clock::time_point last;
  for (const auto& [directory, names] : directories) {
    for (const auto& name : names) {
      struct stat status{};
      if (::lstat((directory / name).c_str(), &status) != 0) continue;
      last = std::max(last, time_point(status.st_ctim));
    }
  }
  return last;
}

}  // namespace pillion::app
