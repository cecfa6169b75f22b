#include "app/file_watch.hpp"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

namespace pillion::app {
namespace {

namespace fs = std::filesystem;

/// Each path once, in the order given. Relative paths are relative to the working directory.
std::vector<fs::path> absolute(const std::vector<fs::path>& files) {
  std::vector<fs::path> paths;
  for (const auto& file : files) {
    std::error_code error;
    auto path = fs::absolute(file, error);
    if (!error && std::ranges::find(paths, path) == paths.end()) paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace

FileWatch::FileWatch(runtime::Loop& loop, const FileWatchOptions& options, std::function<void()> changed)
    : loop_(loop),
      options_(options),
      changed_(std::move(changed)),
      settling_(loop, [this] { return look(); }, [this] { report(); }) {
  if (options_.use_inotify) {
    start_inotify();
  } else {
    is_polling_ = true;
  }
}

void FileWatch::start_inotify() {
  try {
    inotify_.emplace(loop_.io(), [this] {
      loop_.clock().refresh();
      loop_.contain("file watch", [this] { settling_.stir(); }, [] {});
    });
  } catch (const std::system_error& error) {
    poll_instead(error.code());
  }
}

void FileWatch::watch(const std::vector<fs::path>& files, std::chrono::system_clock::time_point read_at,
                      const std::optional<config::Fingerprint>& first_read) {
  auto before = std::exchange(files_, {});
  for (auto& path : absolute(files)) {
    const auto known = std::ranges::find(before, path, &WatchedFile::path);
    if (known != before.end()) {
      files_.push_back(std::move(*known));
    } else {
      files_.emplace_back().path = std::move(path);
    }
  }
  // Before the new files are read, so that no change is missed in between.
  renew_watches();
  const auto now = loop_.clock().refresh();
  for (auto& file : files_) {
    if (file.is_known) continue;
    file.is_known = true;
    file.polled = status_of(file.path);
    // Before the time is read, which then shows any later change.
    const auto held = fingerprint_of(file.path);
    const bool is_as_read = first_read && &file == &files_.front() && held == first_read;
    if (is_as_read || last_change(watched_directories({&file.path, 1})) < read_at) file.reported = held;
    if (!file.reported) settling_.stir();
  }
  if (!is_set()) set_poll(now);
}

void FileWatch::stop() {
  settling_.stop();
  loop_.clear_deadline(*this);
  if (inotify_) inotify_->stop();
}

/// Repeats until the path to each file is the same before and after the watches were set, since a change in between is
/// seen by neither.
void FileWatch::renew_watches() {
  if (!inotify_) return;
  constexpr int most = 5;  // a path that changes as often triggers the watch anyway
  const bool was_polling = is_polling_;
  const auto files = paths();
  auto directories = watched_directories(files);
  for (int i = 0; i < most; ++i) {
    const auto error = inotify_->watch(directories);
    is_polling_ = false;
    if (error) poll_instead(error);
    auto again = watched_directories(files);
    if (again == directories) break;
    directories = std::move(again);
  }
  if (is_polling_ != was_polling) set_poll(loop_.clock().now());
}

void FileWatch::poll_instead(const std::error_code& error) {
  is_polling_ = true;
  if (std::exchange(has_logged_, true)) return;
  loop_.log().info("inotify cannot watch all files: they are read at intervals instead",
                   {{"error", error.message()}, {"interval_ms", options_.poll.count()}});
}

FilesSeen FileWatch::look() {
  renew_watches();
  auto answer = FilesSeen::same;
  for (auto& file : files_) {
    file.seen = fingerprint_of(file.path);
    if (!file.seen) return FilesSeen::unknown;
    if (file.seen == file.reported) continue;
    // A file whose earlier content is unknown was readable then.
    const bool was_readable = !file.reported || file.reported->readable;
    if (was_readable && !file.seen->readable) {
      answer = FilesSeen::missing;
    } else if (answer == FilesSeen::same) {
      answer = FilesSeen::changed;
    }
  }
  return answer;
}

void FileWatch::report() {
  for (auto& file : files_) file.reported = file.seen;
  changed_();
}

/// Polls: compares the status of each file with that of the last poll.
void FileWatch::expired(runtime::Time now) {
  set_poll(now);
  for (auto& file : files_) {
    const auto status = status_of(file.path);
    if (std::exchange(file.polled, status) != status) settling_.stir();
  }
}

std::vector<fs::path> FileWatch::paths() const {
  std::vector<fs::path> paths;
  std::ranges::transform(files_, std::back_inserter(paths), &WatchedFile::path);
  return paths;
}

void FileWatch::set_poll(runtime::Time now) {
  loop_.set_deadline(*this, now + (is_polling_ ? options_.poll : options_.poll_beside_inotify));
}

}  // namespace pillion::app
