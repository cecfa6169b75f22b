#pragma once
// Tells when files have changed: a ConfigMap's or Secret's links that are swapped, a file that is renamed over another,
// one that is written in place.

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
  /// How often files are looked at where inotify is not to be had,
  std::chrono::milliseconds poll{2'000};
  /// and beside it, for what it does not show: mounts, and file systems that others write to.
  std::chrono::milliseconds poll_beside_inotify{60'000};
};

/// Reads files, and so blocks its loop: for one on which nobody waits for an answer.
class FileWatch final : runtime::Deadline {
 public:
  /// `changed` is called on the loop, once for each change of content that has settled (Settling), whatever led to it:
  /// what the kernel tells is only a reason to look. The loop outlives this, and this the loop's handlers: stop() it,
  /// let the loop end, destroy it.
  FileWatch(runtime::Loop& loop, const FileWatchOptions& options, std::function<void()> changed);
  ~FileWatch() override { stop(); }

  /// Watches these files, and no others; of those that it watches already it keeps what they held at the last report.
  /// Of the others, whoever names them has read them at `read_at` (config::file_time_now) or later: one that has
  /// changed since is reported. File systems tell times by ticks; so one that was written in the very tick is reported
  /// as well, but for the first of the files where it still is what was read (`first_read`).
  void watch(const std::vector<std::filesystem::path>& files, std::chrono::system_clock::time_point read_at,
             const std::optional<config::Fingerprint>& first_read = {});
  void stop();

  /// True if it depends on polling, since not all directories can be watched.
  [[nodiscard]] bool is_polling() const { return is_polling_; }

 private:
  struct WatchedFile {
    std::filesystem::path path;  ///< absolute
    bool is_known = false;       ///< True once what follows was read
    FileStatus polled;           ///< at the last poll
    /// What it held at the last report, nullopt where that is not known, and at the last look.
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
