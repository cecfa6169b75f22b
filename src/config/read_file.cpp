#include "config/read_file.hpp"

#include <algorithm>
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
  // Reads in pieces, since a pipe has no size and `limit` may be far above the size.
  constexpr std::size_t piece = std::size_t{64} << 10U;
  std::string text;
  while (stream && text.size() <= limit) {
    const auto size = text.size();
    text.resize(size + std::min(piece, limit + 1 - size));
    stream.read(text.data() + size, static_cast<std::streamsize>(text.size() - size));
    text.resize(size + static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) return reason();
  return text;
}

std::chrono::system_clock::time_point file_time_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  const auto since = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  return std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(since));
}

}  // namespace pillion::config
