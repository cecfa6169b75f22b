#include "config/read_file.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>

#include <time.h>

namespace pillion::config {

std::expected<std::string, std::string> read_file(const std::filesystem::path& file, std::size_t limit) {
  const auto reason = [] { return std::unexpected(std::generic_category().message(errno)); };
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream.is_open()) return reason();
  // The file's size says nothing for a pipe.
  std::string text(limit + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return reason();
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

std::chrono::system_clock::time_point file_time_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  const auto since = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  return std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(since));
}

}  // namespace pillion::config
