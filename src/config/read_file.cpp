#include "config/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <time.h>

#include "runtime/unique_descriptor.hpp"

namespace pillion::config {
namespace {

runtime::UniqueDescriptor open_file(const std::filesystem::path& file, int flags) {
  return runtime::UniqueDescriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | flags));
}

std::unexpected<std::string> system_reason(int error) {
  return std::unexpected(std::generic_category().message(error));
}

/// Reads to the end of the file, but at most `limit` + 1 bytes.
std::expected<std::string, std::string> read_descriptor(int descriptor, std::size_t limit) {
  // Reads in pieces, since a pipe has no size and `limit` may be far above the size.
  constexpr std::size_t piece = std::size_t{64} << 10U;
  std::string text;
  while (text.size() <= limit) {
    const auto size = text.size();
    text.resize(size + std::min(piece, limit + 1 - size));
    const auto got = ::read(descriptor, text.data() + size, text.size() - size);
    const int error = errno;
    text.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) break;
    if (got < 0 && error != EINTR) return system_reason(error);
  }
  return text;
}

}  // namespace

std::expected<std::string, std::string> read_file(const std::filesystem::path& file, std::size_t limit) {
  // Without O_NONBLOCK, open() waits for the writer of a FIFO.
  const auto opened = open_file(file, O_NONBLOCK | O_NOCTTY);
  if (!opened.is_open()) return system_reason(errno);
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0) return system_reason(errno);
  if (S_ISDIR(status.st_mode)) return system_reason(EISDIR);
  if (!S_ISREG(status.st_mode)) return std::unexpected("it is not a regular file");
  return read_descriptor(opened.get(), limit);
}

std::expected<std::string, std::string> read_file_or_pipe(const std::filesystem::path& file, std::size_t limit) {
  const auto opened = open_file(file, 0);
  if (!opened.is_open()) return system_reason(errno);
  return read_descriptor(opened.get(), limit);
}

std::chrono::system_clock::time_point file_time_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  const auto since = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  return std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(since));
}

}  // namespace pillion::config
