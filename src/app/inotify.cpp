#include "app/inotify.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace pillion::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t of_directory = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
/// IN_MODIFY is for a file that is written in place and kept open, IN_ATTRIB for its permissions.
constexpr std::uint32_t of_names =
    IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE;

/// The kernel joins equal events that follow each other, so that a pause reduces their number. A change has to be
/// settled for longer than this.
constexpr std::chrono::milliseconds pause{100};
/// The number of events in the kernel's queue (max_queued_events), if all have the shortest name.
constexpr int max_reads = 16384 * 32 / 4096;

int make() {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "inotify_init1");
  return descriptor;
}

}  // namespace

Inotify::Inotify(boost::asio::io_context& io, std::function<void()> stirred)
    : events_(make()), readable_(io), pause_(io), stirred_(std::move(stirred)) {
  wait();
}

/// The watch; negative, with errno, if there is none.
int Inotify::add(const fs::path& directory, bool has_names) {
  const auto mask = has_names ? of_directory | of_names : of_directory;
  return ::inotify_add_watch(events_.get(), directory.c_str(), mask);
}

std::error_code Inotify::watch(const WatchedDirectories& directories) {
  std::error_code first;
  std::map<int, Names> wanted;
  // A directory has one watch, whatever paths lead to it. The last call decides its mask.
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
    if (!wanted.contains(watch)) ::inotify_rm_watch(events_.get(), watch);
  }
  names_ = std::move(wanted);
  return first;
}

void Inotify::stop() {
  if (readable_.is_open()) readable_.release();
  pause_.cancel();
  events_ = {};
}

void Inotify::wait() {
  readable_.assign(events_.get());
  readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this](const boost::system::error_code& error) {
                         if (!error && events_.is_open()) on_readable();
                       });
}

void Inotify::on_readable() {
  // The reactor would otherwise be woken by each event.
  readable_.release();
  const bool is_stirred = take_events();
  pause_.expires_after(pause);
  pause_.async_wait([this](const boost::system::error_code& error) {
    if (!error && events_.is_open()) wait();
  });
  if (is_stirred) stirred_();
}

bool Inotify::take_events() {
  alignas(inotify_event) std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read into
  bool is_stirred = false;
  // Another process may add events as fast as they are read.
  for (int reads = 0; reads < max_reads; ++reads) {
    const auto got = ::read(events_.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    for (const char* at = buffer.data(); at < buffer.data() + got;) {
      const auto* const event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      const std::string_view name = event->len > 0 ? event->name : "";
      is_stirred = is_stirred || (event->mask & IN_Q_OVERFLOW) != 0 || matters(event->wd, name);
    }
  }
  return is_stirred;
}

/// True if the event matters. Without a name it is about the directory itself. An event of a removed watch does not
/// matter.
bool Inotify::matters(int watch, std::string_view name) const {
  const auto known = names_.find(watch);
  return known != names_.end() && (name.empty() || known->second.contains(name));
}

}  // namespace pillion::app
