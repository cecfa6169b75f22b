#pragma once
// Reads a whole file.

#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <string>

namespace pillion::config {

/// The content of a regular file, at most `limit` + 1 bytes, so that the caller sees whether it is too long. The error
/// is the system's reason, or says that the file is not a regular one: to read a FIFO or a device might take for ever.
[[nodiscard]] std::expected<std::string, std::string> read_file(const std::filesystem::path& file, std::size_t limit);

/// The same for files of any type, such as the standard input. Waits for a writer, so it is only for commands that do
/// nothing else.
[[nodiscard]] std::expected<std::string, std::string> read_file_or_pipe(const std::filesystem::path& file,
                                                                        std::size_t limit);

/// The current time of the file systems' clock, which advances in ticks. A file that changes after this call has at
/// least this modification time.
[[nodiscard]] std::chrono::system_clock::time_point file_time_now();

}  // namespace pillion::config
