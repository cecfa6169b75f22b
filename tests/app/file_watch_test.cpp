#include "app/file_watch.hpp"

#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include "app/shard_runner.hpp"
#include "config/read_file.hpp"
#include "support/temporary_directory.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto patience = 20s;  // for a busy machine; otherwise nothing here takes more than three

/// A directory with the kubelet's layout of a ConfigMap or Secret: FILE -> ..data/FILE, ..data -> ..N/.
class MountedConfigMap {
 public:
  explicit MountedConfigMap(fs::path path) : path_(std::move(path)) { fs::create_directory(path_); }

  /// Updates the content as the kubelet's AtomicWriter does: makes a directory, renames a link over another, removes
  /// the old directory.
  void update(const std::string& name, const std::string& text) {
    const auto old = generation_;
    generation_ = "..2026_01_01_" + std::to_string(++updates_);
    fs::create_directory(path_ / generation_);
    std::ofstream(path_ / generation_ / name) << text;
    fs::create_directory_symlink(generation_, path_ / "..data_tmp");
    fs::rename(path_ / "..data_tmp", path_ / "..data");
    if (!fs::is_symlink(path_ / name)) fs::create_symlink("..data/" + name, path_ / name);
    if (!old.empty()) fs::remove_all(path_ / old);
  }

 private:
  fs::path path_;
  std::string generation_;
  int updates_ = 0;
};

class FileWatchTest : public ::testing::TestWithParam<bool> {
 protected:
  FileWatchTest() { write(file, "first"); }
  ~FileWatchTest() override {
    watch.stop();
    loop.release_timer();
    loop.run();
  }

  static FileWatchOptions options() {
    FileWatchOptions options;
    options.use_inotify = GetParam();
    options.poll = 50ms;
    options.poll_beside_inotify = 1h;  // this tests inotify, not the poll
    return options;
  }

  void start(const std::vector<fs::path>& files) {
    watch.watch(files, config::file_time_now() + 1h);  // nothing has changed since
  }
  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  /// Runs `work` as a user whom permissions restrict, unlike root.
  template <typename Work>
  static void as_ordinary_user(Work work) {
    constexpr uid_t nobody = 65534;
    if (::geteuid() == 0) ::setfsuid(nobody);
    work();
    if (::geteuid() == 0) ::setfsuid(0);
  }

  /// Runs the loop until there have been `count` reports in all.
  void run_until(int count) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (reports < count && std::chrono::steady_clock::now() < until) loop.io().run_one_until(until);
    ASSERT_EQ(reports, count);
  }
  /// Runs the loop until all work that has begun is done. Later changes get a later report.
  void expect_nothing_else(int count) {
    const auto other = root / "marker";
    write(other, std::to_string(count));
    auto files = watched;
    files.push_back(other);
    watch.watch(files, config::file_time_now() + 1h);
    write(other, "changed");
    run_until(count + 1);
    watch.watch(watched, config::file_time_now() + 1h);
  }

  test::TemporaryDirectory directory;
  fs::path root = directory.path();
  fs::path file = root / "pillion.yaml";
  std::vector<fs::path> watched{file};
  testing::RecordingLog log;
  runtime::Loop loop{log};
  int reports = 0;
  FileWatch watch{loop, options(), [this] { ++reports; }};
};

INSTANTIATE_TEST_SUITE_P(By, FileWatchTest, ::testing::Bool(),
                         [](const auto& how) { return how.param ? "Inotify" : "Polling"; });

TEST_P(FileWatchTest, ReportsAFileWrittenInPlaceOnce) {
  start(watched);
  write(file, "second");
  run_until(1);
  expect_nothing_else(1);
}

TEST_P(FileWatchTest, ReportsAWriterThatKeepsTheFileOpen) {
  start(watched);
  std::ofstream writer(file);
  writer << "second" << std::flush;
  run_until(1);
  writer << "third" << std::flush;
  run_until(2);
}

TEST_P(FileWatchTest, ReportsAFileRenamedOverItOnce) {
  start(watched);
  for (int i = 1; i <= 2; ++i) {
    write(root / "new", "content " + std::to_string(i));
    fs::rename(root / "new", file);
    run_until(i);
  }
  expect_nothing_else(2);
}

TEST_P(FileWatchTest, ReportsEachUpdateOfAConfigMapOnce) {
  MountedConfigMap map(root / "map");
  map.update("f", "first");
  watched = {root / "map/f"};
  start(watched);
  for (int i = 1; i <= 3; ++i) {
    map.update("f", "content " + std::to_string(i));
    run_until(i);
  }
  expect_nothing_else(3);
}

TEST_P(FileWatchTest, JoinsChangesThatFollowEachOther) {
  MountedConfigMap map(root / "map");
  map.update("f", "first");
  watched = {root / "map/f", file};
  start(watched);
  map.update("f", "second");
  write(file, "second");
  map.update("f", "third");
  run_until(1);
  expect_nothing_else(1);
}

TEST_P(FileWatchTest, ReportsNoUpdateThatChangesNothing) {
  MountedConfigMap map(root / "map");
  map.update("f", "first");
  watched = {root / "map/f", file};
  start(watched);
  map.update("f", "first");
  fs::last_write_time(file, fs::file_time_type::clock::now() - 1h);
  write(root / "other", "beside it");
  expect_nothing_else(0);
}

TEST_P(FileWatchTest, ReportsNoChangeThatIsTakenBack) {
  start(watched);
  write(file, "second");
  write(file, "first");
  expect_nothing_else(0);
}

TEST_P(FileWatchTest, WaitsForAFileThatIsReplacedWithAGap) {
  start(watched);
  fs::remove(file);
  // The look finds no file, and one appears afterwards.
  const auto until = std::chrono::steady_clock::now() + 3 * Settling::quiet;
  loop.io().run_until(until);
  EXPECT_EQ(reports, 0);
  write(file, "second");
  run_until(1);
  expect_nothing_else(1);
}

TEST_P(FileWatchTest, ReportsAFileThatStaysAwayAndItsReturn) {
  start(watched);
  fs::remove(file);
  run_until(1);
  write(file, "first");
  run_until(2);
  expect_nothing_else(2);
}

TEST_P(FileWatchTest, ReportsAFileThatWasNeverThere) {
  watched = {root / "a/b/f"};
  start(watched);
  fs::create_directories(root / "a/b");
  write(root / "a/b/f", "first");
  run_until(1);
}

TEST_P(FileWatchTest, FollowsADirectoryThatIsReplaced) {
  fs::create_directory(root / "d");
  write(root / "d/f", "first");
  watched = {root / "d/f"};
  start(watched);
  fs::create_directory(root / "new");
  write(root / "new/f", "second");
  fs::rename(root / "d", root / "old");
  fs::rename(root / "new", root / "d");
  run_until(1);
  fs::remove_all(root / "d");
  fs::create_directory(root / "d");
  write(root / "d/f", "third");
  run_until(2);
  write(root / "d/f", "fourth");
  run_until(3);
  write(root / "old/f", "nobody's");
  expect_nothing_else(3);
}

TEST_P(FileWatchTest, FollowsADirectoryFurtherUpThatIsReplaced) {
  fs::create_directories(root / "a/b/c");
  write(root / "a/b/c/f", "first");
  watched = {root / "a/b/c/f"};
  start(watched);
  fs::create_directories(root / "new/b/c");
  write(root / "new/b/c/f", "second");
  fs::rename(root / "a", root / "old");
  fs::rename(root / "new", root / "a");
  run_until(1);
}

TEST_P(FileWatchTest, ReportsAFileThatCannotBeReadAnyMore) {
  ASSERT_EQ(::chmod(root.c_str(), 0755), 0);
  as_ordinary_user([&] { start(watched); });
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  as_ordinary_user([&] { run_until(1); });
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  as_ordinary_user([&] { run_until(2); });
}

TEST_P(FileWatchTest, PollsWhereADirectoryMayNotBeWatched) {
  // The directory may be passed, and not listed.
  ASSERT_EQ(::chmod(root.c_str(), ::geteuid() == 0 ? 0711 : 0311), 0);
  as_ordinary_user([&] { start(watched); });
  EXPECT_TRUE(watch.is_polling());
  write(file, "second");
  as_ordinary_user([&] { run_until(1); });
  ASSERT_EQ(::chmod(root.c_str(), 0755), 0);
  write(file, "third");
  as_ordinary_user([&] { run_until(2); });
  EXPECT_EQ(watch.is_polling(), !GetParam()) << "it may be watched now";
}

TEST_P(FileWatchTest, SeesAChangeOfWhichTheEventIsLost) {
  start(watched);
  // The kernel keeps 16,384 events by default (fs.inotify.max_queued_events). Here are more, and none of them matters.
  const auto other = root / "other";
  for (int i = 0; i < 7000; ++i) {
    write(other, "");
    fs::remove(other);
  }
  write(file, "second");
  run_until(1);
}

TEST_P(FileWatchTest, WatchesAnotherSetFromThenOn) {
  const auto other = root / "other";
  write(other, "first");
  start(watched);
  watched = {other};
  watch.watch(watched, config::file_time_now() + 1h);
  write(file, "nobody looks");
  write(other, "second");
  run_until(1);
  write(file, "nobody looks still");
  expect_nothing_else(1);
}

TEST_P(FileWatchTest, AChangeWhileTheSetIsReplacedIsReported) {
  start(watched);
  write(file, "second");
  watch.watch({file, root / "other"}, config::file_time_now() + 1h);
  run_until(1);
}

TEST_P(FileWatchTest, AChangeSinceANewFileWasReadIsReported) {
  const auto read_at = config::file_time_now();
  write(file, "second");
  watch.watch(watched, read_at);
  run_until(1);
  expect_nothing_else(1);
}

TEST_P(FileWatchTest, AFileThatStillIsWhatWasReadIsNotReportedWhenever) {
  // The file gets the time of the tick in which it was read.
  const auto read_at = config::file_time_now() - 1h;
  watch.watch(watched, read_at, config::fingerprint_of_text("first"));
  expect_nothing_else(0);
}

TEST_P(FileWatchTest, AFileThatIsNotWhatWasReadIsReported) {
  const auto read_at = config::file_time_now() - 1h;
  watch.watch(watched, read_at, config::fingerprint_of_text("before the first"));
  run_until(1);
  expect_nothing_else(1);
}

TEST_P(FileWatchTest, WhatWasReadSaysNothingOfTheOtherFiles) {
  const auto other = root / "other";
  write(other, "first");
  watched.push_back(other);
  watch.watch(watched, config::file_time_now() - 1h, config::fingerprint_of_text("first"));
  run_until(1);
  expect_nothing_else(1);
}

TEST_P(FileWatchTest, AFileThatGoesBeforeItWasLookedAtIsWaitedFor) {
  const auto read_at = config::file_time_now();
  write(file, "second");
  watch.watch(watched, read_at);
  fs::remove(file);
  boost::asio::steady_timer comes_back(loop.io(), 2 * Settling::quiet);
  comes_back.async_wait([this](const auto& /*error*/) { write(file, "third"); });
  run_until(1);
  EXPECT_TRUE(fs::exists(file));
  expect_nothing_else(1);
}

TEST_P(FileWatchTest, ReadsRelativePathsFromTheWorkingDirectory) {
  const auto relative = fs::relative(file);
  ASSERT_TRUE(relative.is_relative());
  watched = {relative};
  start(watched);
  write(file, "second");
  run_until(1);
}

TEST_P(FileWatchTest, ReportsNothingOnceItIsStopped) {
  start(watched);
  write(file, "second");
  watch.stop();
  loop.release_timer();
  loop.run();  // returns, since no operation is outstanding
  EXPECT_EQ(reports, 0);
}

TEST_P(FileWatchTest, SaysWhetherItPolls) {
  start(watched);
  EXPECT_EQ(watch.is_polling(), !GetParam());
}

class FileWatchWithoutInotify : public ::testing::Test {};

TEST_F(FileWatchWithoutInotify, PollsAndSaysSoOnce) {
  const test::TemporaryDirectory directory;
  const fs::path file = directory.write("f", "first");
  testing::RecordingLog log;
  runtime::Loop loop{log};
  int reports = 0;
  // There is no descriptor left, also not for inotify.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  FileWatchOptions options;
  options.poll = 50ms;
  FileWatch watch{loop, options, [&] { ++reports; }};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(watch.is_polling());
  for (int i = 0; i < 2; ++i) watch.watch({file}, config::file_time_now() + 1h);
  std::ofstream(file) << "second";
  const auto until = std::chrono::steady_clock::now() + patience;
  while (reports == 0 && std::chrono::steady_clock::now() < until) loop.io().run_one_until(until);
  EXPECT_EQ(reports, 1);
  EXPECT_EQ(log.count("inotify cannot watch all files: they are read at intervals instead"), 1U);
  watch.stop();
  loop.release_timer();
  loop.run();
}

}  // namespace
}  // namespace pillion::app
