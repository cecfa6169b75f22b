#pragma once
// What can be told of a file without keeping its content.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

#include "config/fingerprint.hpp"

namespace pillion::app {

/// Reads at most 2 MiB, the most that any file of a configuration may have; blocks. What is no regular file, and cannot
/// be read twice, is always the same. nullopt where descriptors or memory are short: that says nothing of the file.
[[nodiscard]] std::optional<config::Fingerprint> fingerprint_of(const std::filesystem::path& file);

/// What changes with a file, be it only touched: for whoever looks often. Links are followed.
struct FileStatus {
  int error = 0;  ///< of stat(2); all else is 0 then
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t written = 0;  ///< in nanoseconds (mtime)
  std::int64_t changed = 0;  ///< in nanoseconds (ctime)
  friend bool operator==(const FileStatus&, const FileStatus&) = default;
};
[[nodiscard]] FileStatus status_of(const std::filesystem::path& file);

}  // namespace pillion::app
