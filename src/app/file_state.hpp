#pragma once
// The state of a file, without its content.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

#include "config/fingerprint.hpp"

namespace pillion::app {

/// Reads at most 2 MiB, the most that a file of a configuration may have. Blocks. Files that are not regular, and
/// cannot be read twice, always have the same fingerprint. nullopt for lack of descriptors or memory, which says
/// nothing about the file.
[[nodiscard]] std::optional<config::Fingerprint> fingerprint_of(const std::filesystem::path& file);

/// Values that change whenever the file changes or is touched, for frequent checks. Links are followed.
struct FileStatus {
  int error = 0;  ///< errno of stat(2); everything else is then 0
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t written = 0;  ///< nanoseconds (mtime)
  std::int64_t changed = 0;  ///< nanoseconds (ctime)
  friend bool operator==(const FileStatus&, const FileStatus&) = default;
};
[[nodiscard]] FileStatus status_of(const std::filesystem::path& file);

}  // namespace pillion::app
