#include "telemetry/line_outputs.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>
#include <utility>

#include "runtime/unique_descriptor.hpp"
#include "telemetry/connect_socket.hpp"

namespace pillion::telemetry {
namespace {

using runtime::UniqueDescriptor;

/// The number of bytes that were written, and the errno value of the error; 0: no error, or the time is over.
struct Progress {
  std::size_t bytes = 0;
  int error = 0;
};

/// The number of complete records, from `first` on, in the first `bytes` bytes.
std::size_t whole_records(const RecordBatch& batch, std::size_t first, std::size_t bytes) {
  const auto end = std::upper_bound(batch.ends.begin() + static_cast<std::ptrdiff_t>(first), batch.ends.end(),
                                    batch.start(first) + bytes);
  return static_cast<std::size_t>(end - batch.ends.begin()) - first;
}

/// Writes the records from `first` on in pieces of whole records, each of at most `limit` bytes or one record.
/// `write_some` is write(2) or send(2).
template <typename WriteSome>
Progress write_records(const RecordBatch& batch, std::size_t first, std::size_t limit, int descriptor, SinkWaits& waits,
                       WriteSome write_some) {
  const auto start = batch.start(first);
  auto at = start;
  for (auto record = first; record < batch.size();) {
    // A record of more than `limit` bytes is a piece of its own.
    record += std::max<std::size_t>(whole_records(batch, record, limit), 1);
    const auto end = batch.ends[record - 1];
    while (at < end) {
      if (!waits.ready(descriptor, POLLOUT)) return {.bytes = at - start};
      const auto written = write_some(batch.bytes.data() + at, end - at);
      if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (written < 0) return {.bytes = at - start, .error = errno};
      at += static_cast<std::size_t>(written);
    }
  }
  return {.bytes = at - start};
}

class DescriptorOutput final : public RecordOutput {
 public:
  explicit DescriptorOutput(int descriptor) : descriptor_(descriptor) {}

  std::expected<void, std::string> open(SinkWaits& /*waits*/) override { return {}; }

  Written write(const RecordBatch& batch, std::size_t first, SinkWaits& waits) override {
    // The newline ends a line that was written in part, so that two lines do not run together.
    if (is_torn_ && (!waits.ready(descriptor_, POLLOUT) || ::write(descriptor_, "\n", 1) != 1)) return {};
    is_torn_ = false;
    // A blocking pipe that poll() reports as writable has room for PIPE_BUF bytes (pipe(7)), so that a write of such a
    // piece does not block.
    const auto progress =
        write_records(batch, first, PIPE_BUF, descriptor_, waits, [&](const char* data, std::size_t size) {
          return ::write(descriptor_, data, std::min<std::size_t>(size, PIPE_BUF));
        });
    const auto whole = whole_records(batch, first, progress.bytes);
    is_torn_ = progress.bytes > batch.start(first + whole) - batch.start(first);
    return {.records = whole, .error = progress.error == 0 ? "" : message_of(progress.error)};
  }
  void close(SinkWaits& /*waits*/) override {}

 private:
  int descriptor_;
  bool is_torn_ = false;
};

class FileOutput final : public RecordOutput {
 public:
  explicit FileOutput(std::string path) : path_(std::move(path)) {}

  std::expected<void, std::string> open(SinkWaits& /*waits*/) override {
    const auto now = std::chrono::steady_clock::now();
    if (file_.is_open() && now - looked_at_ < look_every) return {};
    looked_at_ = now;
    if (file_.is_open() && is_in_place()) return {};
    // With O_NONBLOCK, open() of a FIFO without a reader fails instead of waiting.
    file_ = UniqueDescriptor(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640));
    if (!file_.is_open()) return std::unexpected(message_of(errno));
    struct stat status{};
    is_regular_ = ::fstat(file_.get(), &status) == 0 && S_ISREG(status.st_mode);
    return {};
  }

  Written write(const RecordBatch& batch, std::size_t first, SinkWaits& waits) override {
    const auto progress =
        write_records(batch, first, batch.bytes.size(), file_.get(), waits,
                      [&](const char* data, std::size_t size) { return ::write(file_.get(), data, size); });
    const auto whole = whole_records(batch, first, progress.bytes);
    const auto torn = progress.bytes - (batch.start(first + whole) - batch.start(first));
    if (torn > 0) take_back(torn);
    if (progress.error == 0) return {.records = whole, .error = {}};
    file_ = UniqueDescriptor();
    return {.records = whole, .error = message_of(progress.error)};
  }
  void close(SinkWaits& /*waits*/) override { file_ = UniqueDescriptor(); }

 private:
  static constexpr std::chrono::seconds look_every{1};

  /// False if the path leads to another file or to none, as after a rotation of the log.
  [[nodiscard]] bool is_in_place() const {
    struct stat open_file{};
    struct stat named{};
    return ::fstat(file_.get(), &open_file) == 0 && ::stat(path_.c_str(), &named) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
  }
  void take_back(std::size_t bytes) const {
    struct stat status{};
    if (!is_regular_ || ::fstat(file_.get(), &status) != 0) return;
    // If this fails, a line without its end stays in the file. It is not valid JSON, so that a reader can tell.
    [[maybe_unused]] const int result = ::ftruncate(file_.get(), status.st_size - static_cast<off_t>(bytes));
  }

  std::string path_;
  UniqueDescriptor file_;
  bool is_regular_ = false;
  std::chrono::steady_clock::time_point looked_at_;
};

class UnixSocketOutput final : public RecordOutput {
 public:
  explicit UnixSocketOutput(std::string path) : path_(std::move(path)) {}

  std::expected<void, std::string> open(SinkWaits& /*waits*/) override {
    if (socket_.is_open()) return {};
    auto opened = connect_unix_socket(path_);
    if (!opened) return std::unexpected(message_of(opened.error()));
    socket_ = std::move(*opened);
    return {};
  }

  Written write(const RecordBatch& batch, std::size_t first, SinkWaits& waits) override {
    const auto progress = write_records(
        batch, first, batch.bytes.size(), socket_.get(), waits,
        [&](const char* data, std::size_t size) { return ::send(socket_.get(), data, size, MSG_NOSIGNAL); });
    const auto whole = whole_records(batch, first, progress.bytes);
    if (progress.error == 0) return {.records = whole, .error = {}};
    socket_ = UniqueDescriptor();
    return {.records = whole, .error = message_of(progress.error)};
  }
  void close(SinkWaits& /*waits*/) override { socket_ = UniqueDescriptor(); }

 private:
  std::string path_;
  UniqueDescriptor socket_;
};

}  // namespace

std::unique_ptr<RecordOutput> descriptor_output(int descriptor) {
  return std::make_unique<DescriptorOutput>(descriptor);
}

std::unique_ptr<RecordOutput> file_output(std::string path) {
  return std::make_unique<FileOutput>(std::move(path));
}

std::unique_ptr<RecordOutput> unix_socket_output(std::string path) {
  return std::make_unique<UnixSocketOutput>(std::move(path));
}

}  // namespace pillion::telemetry
