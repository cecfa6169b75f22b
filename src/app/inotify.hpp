#pragma once
// Directories watched by inotify(7): moves events, decides nothing.

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
  /// `stirred` is called on the loop, once for all events that have come; it must not throw. Events are read at most
  /// ten times a second: somebody may write to another file of a directory all the time. Throws std::system_error where
  /// the kernel gives no inotify.
  Inotify(boost::asio::io_context& io, std::function<void()> stirred);
  Inotify(const Inotify&) = delete;
  Inotify& operator=(const Inotify&) = delete;
  ~Inotify() { stop(); }

  /// Watches these directories and no others. What is missing is passed over: it stands as a name in the directory
  /// above. The error is that of the first that cannot be watched; the others are.
  std::error_code watch(const WatchedDirectories& directories);
  /// The handler that is under way completes on the loop; until then this must live.
  void stop();

 private:
  using Names = std::set<std::string, std::less<>>;

  [[nodiscard]] int add(const std::filesystem::path& directory, bool has_names);
  void wait();
  void on_readable();
  /// True if one of the events in the kernel's queue matters, all of which are taken, or as many as it holds at once.
  [[nodiscard]] bool take_events();
  [[nodiscard]] bool matters(int watch, std::string_view name) const;

  runtime::UniqueDescriptor events_;
  boost::asio::posix::stream_descriptor readable_;  // the same, while it is waited for; not its owner
  boost::asio::steady_timer pause_;
  std::function<void()> stirred_;
  std::map<int, Names> names_;  // by watch descriptor
};

}  // namespace pillion::app
