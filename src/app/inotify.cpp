#include "app/inotify.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace pillion::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t of_directory = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
/// IN_MODIFY for those who write a file in place and keep it open, IN_ATTRIB for who may read it.
constexpr std::uint32_t of_names =
    IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE;

int make() {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "inotify_init1");
  return descriptor;
}

}  // namespace

Inotify::Inotify(boost::asio::io_context& io, std::function<void()> stirred)
    : descriptor_(io, make()), stirred_(std::move(stirred)) {
  wait();
}

/// The watch; below zero, with errno, where there is none.
int Inotify::add(const fs::path& directory, bool has_names) {
  const auto mask = has_names ? of_directory | of_names : of_directory;
  return ::inotify_add_watch(descriptor_.native_handle(), directory.c_str(), mask);
}

std::error_code Inotify::watch(const WatchedDirectories& directories) {
  std::error_code first;
  std::map<int, Names> wanted;
  // A directory has one watch, by whatever paths it is reached: the last call decides what it is for.
  for (const bool with_names : {false, true}) {
    for (const auto& [directory, names] : directories) {
      if (names.empty() == with_names) continue;
      const int watch = add(directory, with_names);
      if (watch >= 0) {
        wanted[watch].insert(names.begin(), names.end());
      } else if (with_names && errno != ENOENT && errno != ENOTDIR && !first) {
        first.assign(errno, std::generic_category());
      }
    }
  }
  for (const auto& [watch, names] : names_) {
    if (!wanted.contains(watch)) ::inotify_rm_watch(descriptor_.native_handle(), watch);
  }
  names_ = std::move(wanted);
  return first;
}

void Inotify::stop() {
  boost::system::error_code ignored;  // there is nothing to be done about it
  descriptor_.close(ignored);
}

void Inotify::wait() {
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this](const boost::system::error_code& error) {
                           if (!error && descriptor_.is_open()) on_readable();
                         });
}

void Inotify::on_readable() {
  alignas(inotify_event) std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read into
  bool is_stirred = false;
  for (;;) {
    const auto got = ::read(descriptor_.native_handle(), buffer.data(), buffer.size());
    if (got <= 0) break;
    for (const char* at = buffer.data(); at < buffer.data() + got;) {
      const auto* const event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      const std::string_view name = event->len > 0 ? event->name : "";
      is_stirred = is_stirred || (event->mask & IN_Q_OVERFLOW) != 0 || matters(event->wd, name);
    }
  }
  wait();
  if (is_stirred) stirred_();
}

/// Without a name, an event is about the directory itself. One of a watch that was taken back is about nothing.
bool Inotify::matters(int watch, std::string_view name) const {
  const auto known = names_.find(watch);
  return known != names_.end() && (name.empty() || known->second.contains(name));
}

}  // namespace pillion::app
