#include "telemetry/frame_stream_output.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fstrm.h>

#include "telemetry/byte_stream.hpp"

namespace pillion::telemetry {
namespace {

using runtime::UniqueDescriptor;

constexpr std::string_view content_type = "protobuf:dnstap.Dnstap";
/// The time that the reader has to answer the start and the end of a stream.
constexpr std::chrono::seconds control_patience{5};
constexpr std::size_t frames_at_once = 128;
constexpr std::size_t frame_header = 4;  // bytes: the length

struct FreeWriter {
  void operator()(fstrm_writer* writer) const { fstrm_writer_destroy(&writer); }
};

class FrameStreamOutput final : public RecordOutput {
 public:
  explicit FrameStreamOutput(ConnectSocket connect) : connect_(std::move(connect)) {}

  std::expected<void, std::string> open(SinkWaits& waits) override {
    if (writer_ != nullptr) return {};
    waits_ = &waits;
    auto connected = connect_(waits);
    if (!connected) return std::unexpected(message_of(connected.error()));
    socket_ = std::move(*connected);
    error_ = 0;
    writer_ = make_writer();
    if (fstrm_writer_open(writer_.get()) == fstrm_res_success) return {};
    end();
    return std::unexpected(error_ == 0 ? "the reader is not a Frame Streams reader of dnstap" : message_of(error_));
  }

  Written write(const RecordBatch& batch, std::size_t first, SinkWaits& waits) override {
    waits_ = &waits;
    Written written;
    std::array<iovec, frames_at_once> frames{};
    while (first + written.records < batch.size()) {
      const auto start = first + written.records;
      const auto count = std::min(frames.size(), batch.size() - start);
      for (std::size_t i = 0; i < count; ++i) {
        const auto record = batch.record(start + i);
        frames[i] = {.iov_base = const_cast<char*>(record.data()), .iov_len = record.size()};
      }
      sent_ = 0;
      const auto result = fstrm_writer_writev(writer_.get(), frames.data(), static_cast<int>(count));
      if (result == fstrm_res_success) {
        written.records += count;
        continue;
      }
      // Frames that were sent completely are not sent again.
      for (std::size_t left = sent_, i = 0; i < count && left >= frames[i].iov_len + frame_header; ++i) {
        left -= frames[i].iov_len + frame_header;
        ++written.records;
      }
      if (error_ != 0) written.error = message_of(error_);
      end();
      return written;
    }
    return written;
  }

  void close(SinkWaits& waits) override {
    waits_ = &waits;
    // Sends STOP, and waits for FINISH.
    if (writer_ != nullptr) fstrm_writer_close(writer_.get());
    end();
  }

 private:
  std::unique_ptr<fstrm_writer, FreeWriter> make_writer() {
    auto* transport = fstrm_rdwr_init(this);
    fstrm_rdwr_set_open(transport, [](void*) { return fstrm_res_success; });
    fstrm_rdwr_set_close(transport, [](void*) { return fstrm_res_success; });
    fstrm_rdwr_set_read(transport, [](void* self, void* data, size_t count) {
      return static_cast<FrameStreamOutput*>(self)->read_all(static_cast<char*>(data), count);
    });
    fstrm_rdwr_set_write(transport, [](void* self, const iovec* parts, int count) {
      return static_cast<FrameStreamOutput*>(self)->write_all(parts, count);
    });
    auto* options = fstrm_writer_options_init();
    fstrm_writer_options_add_content_type(options, content_type.data(), content_type.size());
    std::unique_ptr<fstrm_writer, FreeWriter> writer(fstrm_writer_init(options, &transport));
    fstrm_writer_options_destroy(&options);
    if (writer == nullptr) throw std::bad_alloc();
    return writer;
  }

  fstrm_res fail(int error) {
    error_ = error;
    // libfstrm may want to write more as it closes. Without a socket it cannot wait for that.
    socket_ = UniqueDescriptor();
    return fstrm_res_failure;
  }

  fstrm_res read_all(char* data, std::size_t count) {
    while (count > 0) {
      if (!socket_.is_open()) return fstrm_res_failure;
      if (!waits_->ready(socket_.get(), POLLIN, control_patience)) return fail(ETIMEDOUT);
      const auto size = ::recv(socket_.get(), data, count, 0);
      if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (size < 0) return fail(errno);
      if (size == 0) return fail(ECONNRESET);
      data += size;
      count -= static_cast<std::size_t>(size);
    }
    return fstrm_res_success;
  }

  fstrm_res write_all(const iovec* parts, int count) {
    std::vector<iovec> left(parts, parts + count);
    auto next = left.begin();
    while (next != left.end()) {
      if (!socket_.is_open()) return fstrm_res_failure;
      if (!waits_->ready(socket_.get(), POLLOUT | POLLRDHUP)) return fail(0);
      msghdr message{};
      message.msg_iov = &*next;
      message.msg_iovlen = static_cast<std::size_t>(left.end() - next);
      const auto size = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
      if (size < 0 && errno != EINTR && errno != EAGAIN) return fail(errno);
      if (size < 0 && is_closed_by_reader(socket_.get())) return fail(ECONNRESET);
      if (size < 0) continue;
      sent_ += static_cast<std::size_t>(size);
      auto taken = static_cast<std::size_t>(size);
      for (; next != left.end() && taken >= next->iov_len; ++next) taken -= next->iov_len;
      if (taken > 0) *next = {.iov_base = static_cast<char*>(next->iov_base) + taken, .iov_len = next->iov_len - taken};
    }
    return fstrm_res_success;
  }

  void end() {
    socket_ = UniqueDescriptor();
    writer_.reset();
  }

  ConnectSocket connect_;
  UniqueDescriptor socket_;
  SinkWaits* waits_ = nullptr;  // valid during a call
  int error_ = 0;               // errno of the socket; 0: no error, or the time is over
  std::size_t sent_ = 0;        // bytes sent by the current call of fstrm_writer_writev()
  std::unique_ptr<fstrm_writer, FreeWriter> writer_;
};

}  // namespace

std::unique_ptr<RecordOutput> frame_stream_output(ConnectSocket connect) {
  return std::make_unique<FrameStreamOutput>(std::move(connect));
}

}  // namespace pillion::telemetry
