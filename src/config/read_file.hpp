#pragma once
// A whole file as text.

#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <string>

namespace pillion::config {

/// The file's text, at most `limit` bytes and one more, so that what is too long shows. The error is the system's
/// reason.
[[nodiscard]] std::expected<std::string, std::string> read_file(const std::filesystem::path& file, std::size_t limit);

/// Now, by the clock of file systems, which goes by ticks: what changes from here on is not older than this.
[[nodiscard]] std::chrono::system_clock::time_point file_time_now();

}  // namespace pillion::config
