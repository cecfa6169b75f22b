#include "app/file_state.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "runtime/unique_descriptor.hpp"

namespace pillion::app {
namespace {

using config::Fingerprint;

constexpr std::uint64_t max_size = std::uint64_t{2} << 20U;

bool is_short(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR;
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::optional<config::Fingerprint> fingerprint_of(const std::filesystem::path& file) {
  const auto unreadable = [](int error) { return is_short(error) ? std::nullopt : std::optional(Fingerprint{}); };
  // Must not wait for a pipe without a writer.
  const runtime::UniqueDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!descriptor.is_open()) return unreadable(errno);
  struct stat status{};
  if (::fstat(descriptor.get(), &status) != 0) return unreadable(errno);
  if (S_ISDIR(status.st_mode)) return Fingerprint{};
  Fingerprint fingerprint{.readable = true};
  if (!S_ISREG(status.st_mode)) return fingerprint;

  std::array<char, std::size_t{16} << 10U> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read into
  while (fingerprint.size < max_size) {
    const auto got = ::read(descriptor.get(), buffer.data(), buffer.size());
    if (got < 0) return unreadable(errno);
    if (got == 0) break;
    const auto size = std::min(static_cast<std::uint64_t>(got), max_size - fingerprint.size);
    fingerprint.add({buffer.data(), size});
  }
  return fingerprint;
}

FileStatus status_of(const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return {.error = errno};
  return {.error = 0,
          .device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .written = nanoseconds(status.st_mtim),
          .changed = nanoseconds(status.st_ctim)};
}

}  // namespace pillion::app
