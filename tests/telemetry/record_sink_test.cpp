#include "telemetry/record_sink.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <latch>
#include <mutex>
#include <sstream>

#include <gmock/gmock.h>

#include "support/temporary_directory.hpp"
#include "telemetry/line_encoder.hpp"
#include "telemetry/line_outputs.hpp"

namespace pillion::telemetry {
namespace {

using namespace std::chrono_literals;

class KeptLog final : public runtime::Log {
 public:
  KeptLog() : Log(runtime::LogLevel::info) {}
  [[nodiscard]] std::size_t count(std::string_view message) {
    const std::scoped_lock lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count(messages_, message));
  }

 private:
  void write(runtime::LogLevel /*level*/, std::string_view message,
             std::span<const runtime::Field> /*fields*/) override {
    const std::scoped_lock lock(mutex_);
    messages_.emplace_back(message);
  }
  std::mutex mutex_;
  std::vector<std::string> messages_;
};

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

class RecordSinkTest : public testing::Test {
 protected:
  void start(std::unique_ptr<RecordOutput> output, std::size_t queue = 1U << 20U, std::size_t writers = 1) {
    sink_.emplace(
        RecordSink::Options{
            .name = "test", .thread_name = "test", .address = "somewhere", .writers = writers, .queue = queue},
        std::make_unique<LineEncoder>(), std::move(output), log_);
  }
  bool put(std::string_view text, std::size_t writer = 0) {
    const auto space = sink_->ring(writer).begin(text.size());
    if (space.empty()) return false;
    std::ranges::copy(text, space.begin());
    sink_->ring(writer).commit();
    sink_->publish(writer);
    return true;
  }
  /// Waits; the time limit of ctest bounds this.
  static void wait_for(const std::function<bool()>& condition) {
    while (!condition()) std::this_thread::yield();
  }

  test::TemporaryDirectory directory_;
  KeptLog log_;
  std::optional<RecordSink> sink_;
};

/// A listening socket.
class Listener {
 public:
  explicit Listener(const std::filesystem::path& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_, 4), 0);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ::close(socket_); }
  [[nodiscard]] int accept() const { return ::accept(socket_, nullptr, nullptr); }

 private:
  int socket_;
};

/// Reads lines until there are `count`.
std::vector<std::string> read_lines(int socket, std::size_t count) {
  std::vector<std::string> lines;
  std::string rest;
  std::array<char, 4096> buffer{};
  while (lines.size() < count) {
    const auto size = ::read(socket, buffer.data(), buffer.size());
    if (size <= 0) break;
    rest.append(buffer.data(), static_cast<std::size_t>(size));
    for (std::size_t end = 0; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1))
      lines.push_back(rest.substr(0, end));
  }
  return lines;
}

TEST_F(RecordSinkTest, WritesWhatEachWriterHasPutAndDrainsAtItsEnd) {
  const auto path = directory_.path() / "log";
  start(file_output(path), 1U << 20U, 2);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(put("line " + std::to_string(i)));
    expected += "line " + std::to_string(i) + "\n";
  }
  ASSERT_TRUE(put("of the other", 1));
  sink_.reset();
  auto text = read_all(path);
  const std::string other = "of the other\n";
  const auto at = text.find(other);
  ASSERT_NE(at, std::string::npos);
  text.erase(at, other.size());
  EXPECT_EQ(text, expected);
}

TEST_F(RecordSinkTest, CountsWhatItHasWritten) {
  start(file_output(directory_.path() / "log"));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put("x"));
  wait_for([&] { return sink_->written() == 100; });
  EXPECT_EQ(sink_->dropped(), 0U);
}

TEST_F(RecordSinkTest, ItsThreadComesAfterThoseThatAnswer) {
  /// Keeps the nice value of the thread that writes.
  class Output final : public RecordOutput {
   public:
    explicit Output(std::atomic<int>& value) : value_(value) {}
    std::expected<void, std::string> open(SinkWaits& /*waits*/) override { return {}; }
    Written write(const RecordBatch& batch, std::size_t first, SinkWaits& /*waits*/) override {
      value_ = ::getpriority(PRIO_PROCESS, 0);
      return {.records = batch.size() - first, .error = {}};
    }
    void close(SinkWaits& /*waits*/) override {}

   private:
    std::atomic<int>& value_;
  };
  constexpr int highest = 19;
  std::atomic<int> value{-100};
  start(std::make_unique<Output>(value));
  ASSERT_TRUE(put("one"));
  sink_.reset();
  EXPECT_EQ(value, std::min(::getpriority(PRIO_PROCESS, 0) + 10, highest));
}

TEST_F(RecordSinkTest, AnOutputThatWorksAndFailsInTurnsIsTriedLessAndLessOften) {
  /// Every second record fails once. Keeps the times of the failures.
  class Output final : public RecordOutput {
   public:
    explicit Output(std::vector<std::chrono::steady_clock::time_point>& failures) : failures_(failures) {}
    std::expected<void, std::string> open(SinkWaits& /*waits*/) override { return {}; }
    Written write(const RecordBatch& /*batch*/, std::size_t /*first*/, SinkWaits& /*waits*/) override {
      if (std::exchange(has_failed_, !has_failed_)) return {.records = 1, .error = {}};
      failures_.push_back(std::chrono::steady_clock::now());
      return {.records = 0, .error = "failed"};
    }
    void close(SinkWaits& /*waits*/) override {}

   private:
    std::vector<std::chrono::steady_clock::time_point>& failures_;
    bool has_failed_ = false;
  };
  std::vector<std::chrono::steady_clock::time_point> failures;
  start(std::make_unique<Output>(failures));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(put("record"));
  wait_for([&] { return sink_->written() == 4; });
  sink_.reset();
  ASSERT_EQ(failures.size(), 4U);
  EXPECT_GE(failures[1] - failures[0], 100ms);
  EXPECT_GE(failures[2] - failures[1], 200ms);
  EXPECT_GE(failures[3] - failures[2], 400ms);
}

TEST_F(RecordSinkTest, AFileThatWasRenamedIsOpenedAnew) {
  const auto path = directory_.path() / "log";
  start(file_output(path));
  ASSERT_TRUE(put("before"));
  wait_for([&] { return sink_->written() == 1; });
  std::filesystem::rename(path, directory_.path() / "log.1");
  // Within a second.
  for (std::uint64_t lines = 1; !std::filesystem::exists(path); ++lines) {
    ASSERT_TRUE(put("after"));
    wait_for([&] { return sink_->written() > lines; });
  }
  sink_.reset();
  EXPECT_THAT(read_all(directory_.path() / "log.1"), testing::StartsWith("before\n"));
  EXPECT_THAT(read_all(path), testing::StartsWith("after\n"));
}

TEST_F(RecordSinkTest, WhereThereIsNobodyYetItTriesAgainAndLosesNothing) {
  const auto path = directory_.path() / "socket";
  start(unix_socket_output(path));
  ASSERT_TRUE(put("first"));
  wait_for([&] { return log_.count("cannot write") == 1; });
  const Listener listener(path);
  const int client = listener.accept();
  EXPECT_THAT(read_lines(client, 1), testing::ElementsAre("first"));
  wait_for([&] { return log_.count("writing again") == 1; });
  EXPECT_EQ(sink_->dropped(), 0U);
  ::close(client);
}

/// Fails at each second call, as UDP does where nobody listens: the error of a datagram comes with the next one.
class AlternatingOutput final : public RecordOutput {
 public:
  std::expected<void, std::string> open(SinkWaits& /*waits*/) override { return {}; }
  Written write(const RecordBatch& batch, std::size_t first, SinkWaits& /*waits*/) override {
    fails_ = !fails_;
    if (fails_) return {.records = 0, .error = "refused"};
    return {.records = batch.size() - first, .error = {}};
  }
  void close(SinkWaits& /*waits*/) override {}

 private:
  bool fails_ = false;
};

TEST_F(RecordSinkTest, AnOutputThatFailsAgainAndAgainIsReportedOnceAMinute) {
  start(std::make_unique<AlternatingOutput>());
  for (std::uint64_t records = 1; records <= 4; ++records) {
    ASSERT_TRUE(put("x"));
    wait_for([&] { return sink_->written() == records; });
  }
  EXPECT_EQ(log_.count("cannot write"), 1U);
  EXPECT_EQ(log_.count("writing again"), 1U);
}

TEST_F(RecordSinkTest, ASocketThatVanishedIsConnectedToAgain) {
  const auto path = directory_.path() / "socket";
  auto listener = std::make_unique<Listener>(path);
  start(unix_socket_output(path));
  ASSERT_TRUE(put("before"));
  int client = listener->accept();
  EXPECT_THAT(read_lines(client, 1), testing::ElementsAre("before"));
  ::close(client);
  listener.reset();
  std::filesystem::remove(path);
  // The kernel may still accept the first write after the close.
  for (std::uint64_t lines = 1; log_.count("cannot write") == 0; ++lines) {
    ASSERT_TRUE(put("meanwhile"));
    wait_for([&] { return sink_->written() > lines || log_.count("cannot write") == 1; });
  }
  listener = std::make_unique<Listener>(path);
  client = listener->accept();
  ASSERT_TRUE(put("after"));
  std::vector<std::string> lines;
  while (lines.empty() || lines.back() != "after") {
    const auto more = read_lines(client, 1);
    ASSERT_FALSE(more.empty());
    lines.insert(lines.end(), more.begin(), more.end());
  }
  EXPECT_EQ(log_.count("writing again"), 1U);
  ::close(client);
}

TEST_F(RecordSinkTest, AReaderThatStandsStillCostsRecordsAndNobodyWaits) {
  const auto path = directory_.path() / "socket";
  const Listener listener(path);
  start(unix_socket_output(path), 64U << 10U);
  const std::string text(1000, 'x');
  ASSERT_TRUE(put(text));
  const int client = listener.accept();
  // More than the socket's buffers, a batch and the ring hold together. The call would never return if it waited.
  std::uint64_t refused = 0;
  for (int i = 0; i < 2000; ++i) refused += put(text) ? 0U : 1U;
  wait_for([&] {
    refused += put(text) ? 0U : 1U;
    return refused > 0;
  });
  EXPECT_EQ(sink_->dropped(), refused);
  // The end does not wait for the reader, only for the grace period.
  sink_.reset();
  ::close(client);
}

TEST_F(RecordSinkTest, WhereThereIsNobodyTheEndComesAllTheSame) {
  start(unix_socket_output(directory_.path() / "nobody"));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(put("x"));
  wait_for([&] { return log_.count("cannot write") == 1; });
  EXPECT_EQ(sink_->written(), 0U);
  sink_.reset();
  EXPECT_EQ(log_.count("cannot write"), 1U) << "it is said once, however often it is tried";
}

TEST_F(RecordSinkTest, OfALineForWhichThereIsNoSpaceNothingStays) {
  // A limit of the file's size acts like a full disk: write(2) fails after the part that fits.
  const auto path = directory_.path() / "log";
  const auto output = file_output(path);
  const EventDescriptor stop;
  SinkWaits waits(stop);
  ASSERT_TRUE(output->open(waits));
  RecordBatch batch{.bytes = "0123456789\nabcdefghij\n", .ends = {11, 22}};
  const auto pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{15, 15};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto written = output->write(batch, 0, waits);
    ::_exit(written.records == 1 && !written.error.empty() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_all(path), "0123456789\n");
}

}  // namespace
}  // namespace pillion::telemetry
