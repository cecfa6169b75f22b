#pragma once
// Detects changes of files: links of a ConfigMap or Secret that are swapped, files that are renamed over others or
// written in place.

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>
#include <vector>

#include "app/file_state.hpp"
#include "app/inotify.hpp"
#include "app/settling.hpp"
#include "runtime/loop.hpp"

namespace pillion::app {

struct FileWatchOptions {
  bool use_inotify = true;
  /// The interval of polls if inotify is not available.
  std::chrono::milliseconds poll{2'000};
  /// The interval of polls if it is, for what inotify does not show: mounts, and file systems that other machines
  /// write to.
  std::chrono::milliseconds poll_beside_inotify{60'000};
};

/// Reads files and so blocks its loop. The loop must be one on which no query waits.
class FileWatch final : runtime::Deadline {
 public:
  /// `changed` is called on the loop, once for each change of content that has settled (Settling), whatever caused the
  /// check. The loop must outlive this, and this the loop's handlers: call stop(), let the loop end, destroy this.
  FileWatch(runtime::Loop& loop, const FileWatchOptions& options, std::function<void()> changed);
  ~FileWatch() override { stop(); }

  /// Watches exactly these files. For files that are already watched, keeps their content at the last report. The
  /// caller has read the others at `read_at` (config::file_time_now()) or later: a file that has changed since then is
  /// reported. File systems count time in ticks, so that a file written in the same tick is reported too, except the
  /// first file if it still equals `first_read`.
  void watch(const std::vector<std::filesystem::path>& files, std::chrono::system_clock::time_point read_at,
             const std::optional<config::Fingerprint>& first_read = {});
  void stop();

  /// True if it depends on polling, since some directories cannot be watched.
  [[nodiscard]] bool is_polling() const { return is_polling_; }

 private:
  struct WatchedFile {
    std::filesystem::path path;  ///< absolute
    bool is_known = false;       ///< True once the members below were read
    FileStatus polled;           ///< as of the last poll
    /// The content at the last report (nullopt if unknown) and at the last check.
    std::optional<config::Fingerprint> reported;
    std::optional<config::Fingerprint> seen;
  };

  void expired(runtime::Time now) override;
  void start_inotify();
  [[nodiscard]] std::vector<std::filesystem::path> paths() const;
  void renew_watches();
  void poll_instead(const std::error_code& error);
  [[nodiscard]] FilesSeen look();
  void report();
  void set_poll(runtime::Time now);

  runtime::Loop& loop_;
  FileWatchOptions options_;
  std::function<void()> changed_;
  Settling settling_;
  std::optional<Inotify> inotify_;
  bool is_polling_ = false;
  bool has_logged_ = false;
  std::vector<WatchedFile> files_;
};

}  // namespace pillion::app
