#pragma once
// Watches directories by inotify(7). It only reports events.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "app/watched_directories.hpp"
#include "runtime/unique_descriptor.hpp"

namespace pillion::app {

class Inotify {
 public:
  /// `stirred` is called on the loop, once for all events that have come. It must not throw. Events are read at most
  /// ten times a second, since another process may write to other files of a directory all the time. Throws
  /// std::system_error if the kernel provides no inotify.
  Inotify(boost::asio::io_context& io, std::function<void()> stirred);
  Inotify(const Inotify&) = delete;
  Inotify& operator=(const Inotify&) = delete;
  ~Inotify() { stop(); }

  /// Watches exactly these directories. A missing one is skipped, since its name is watched in the directory above.
  /// The error is that of the first directory that cannot be watched; the others are watched.
  std::error_code watch(const WatchedDirectories& directories);
  /// The pending handler completes on the loop. This must live until then.
  void stop();

 private:
  using Names = std::set<std::string, std::less<>>;

  [[nodiscard]] int add(const std::filesystem::path& directory, bool has_names);
  void wait();
  void on_readable();
  /// Takes all events in the kernel's queue, or as many as it can hold at once. True if one of them matters.
  [[nodiscard]] bool take_events();
  [[nodiscard]] bool matters(int watch, std::string_view name) const;

  runtime::UniqueDescriptor events_;
  boost::asio::posix::stream_descriptor readable_;  // a view of events_ while it is waited for
  boost::asio::steady_timer pause_;
  std::function<void()> stirred_;
  std::map<int, Names> names_;  // by watch descriptor
};

}  // namespace pillion::app
