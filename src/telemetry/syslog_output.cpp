#include "telemetry/syslog_output.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime/unique_descriptor.hpp"
#include "telemetry/connect_socket.hpp"

namespace pillion::telemetry {
namespace {

using runtime::UniqueDescriptor;

std::string_view without_newline(std::string_view record) {
  return record.ends_with('\n') ? record.substr(0, record.size() - 1) : record;
}

class SyslogDatagramOutput final : public RecordOutput {
 public:
  explicit SyslogDatagramOutput(config::Endpoint collector) : collector_(std::move(collector)) {}

  std::expected<void, std::string> open(SinkWaits& /*waits*/) override {
    if (socket_.is_open()) return {};
    auto opened = connect_udp_socket(collector_);
    if (!opened) return std::unexpected(message_of(opened.error()));
    socket_ = std::move(*opened);
    return {};
  }

  Written write(const RecordBatch& batch, std::size_t first, SinkWaits& waits) override {
    Written written;
    while (first + written.records < batch.size()) {
      if (!waits.ready(socket_.get(), POLLOUT)) return written;
      const int sent = send_some(batch, first + written.records);
      if (sent >= 0) {
        written.records += static_cast<std::size_t>(sent);
      } else if (errno != EINTR && errno != EAGAIN) {
        written.error = message_of(errno);
        socket_ = UniqueDescriptor();
        return written;
      }
    }
    return written;
  }

  void close(SinkWaits& /*waits*/) override { socket_ = UniqueDescriptor(); }

 private:
  static constexpr std::size_t datagrams_at_once = 64;

  /// Returns the number of datagrams that were sent, or -1 with errno set, as sendmmsg(2) does.
  int send_some(const RecordBatch& batch, std::size_t first) {
    const auto count = std::min(datagrams_at_once, batch.size() - first);
    std::array<iovec, datagrams_at_once> texts{};
    std::array<mmsghdr, datagrams_at_once> datagrams{};
    for (std::size_t i = 0; i < count; ++i) {
      const auto text = without_newline(batch.record(first + i));
      texts[i] = {.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
      datagrams[i].msg_hdr.msg_iov = &texts[i];
      datagrams[i].msg_hdr.msg_iovlen = 1;
    }
    return ::sendmmsg(socket_.get(), datagrams.data(), static_cast<unsigned>(count), MSG_NOSIGNAL);
  }

  config::Endpoint collector_;
  UniqueDescriptor socket_;
};

class SyslogStreamOutput final : public RecordOutput {
 public:
  explicit SyslogStreamOutput(ConnectStream connect) : connect_(std::move(connect)) {}

  std::expected<void, std::string> open(SinkWaits& waits) override {
    if (stream_ != nullptr && stream_->is_open()) return {};
    const auto now = std::chrono::steady_clock::now();
    // Otherwise each record would open a connection to a collector that accepts and closes. One that ends an idle
    // connection is no failure.
    const bool is_refusal = stream_ != nullptr && now - opened_ < shortest_life;
    stream_.reset();
    if (is_refusal) return std::unexpected(closed_by_server);
    auto connected = connect_(waits);
    if (!connected) return std::unexpected(connected.error());
    stream_ = std::move(*connected);
    opened_ = now;
    return {};
  }

  Written write(const RecordBatch& batch, std::size_t first, SinkWaits& waits) override {
    frame(batch, first);
    std::size_t sent = 0;
    std::string error;
    while (sent < frames_.bytes.size()) {
      const auto size = stream_->write_some(std::string_view(frames_.bytes).substr(sent), waits);
      if (!size) error = size.error();
      if (!size || *size == 0) break;
      sent += *size;
    }
    const bool is_whole = sent == frames_.bytes.size();
    // After a message that was cut, the collector would take the next one for its rest. So the connection is closed.
    if (!is_whole) stream_.reset();
    const auto whole = std::ranges::upper_bound(frames_.ends, sent) - frames_.ends.begin();
    return {.records = static_cast<std::size_t>(whole), .error = std::move(error)};
  }

  void close(SinkWaits& waits) override {
    if (stream_ != nullptr) stream_->close(waits);
    stream_.reset();
  }

 private:
  /// Writes the records from `first` on to frames_, each with its length in front (RFC 6587 section 3.4.1).
  void frame(const RecordBatch& batch, std::size_t first) {
    frames_.clear();
    std::array<char, 20> digits{};
    for (auto record = first; record < batch.size(); ++record) {
      const auto text = without_newline(batch.record(record));
      char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), text.size()).ptr;
      frames_.bytes.append(digits.data(), end).append(1, ' ').append(text);
      frames_.ends.push_back(frames_.bytes.size());
    }
  }

  static constexpr std::chrono::seconds shortest_life{1};

  ConnectStream connect_;
  std::unique_ptr<ByteStream> stream_;
  std::chrono::steady_clock::time_point opened_;  // time of the last connect_()
  RecordBatch frames_;                            // buffer of frame()
};

}  // namespace

std::unique_ptr<RecordOutput> syslog_datagram_output(const config::Endpoint& collector) {
  return std::make_unique<SyslogDatagramOutput>(collector);
}

std::unique_ptr<RecordOutput> syslog_stream_output(ConnectStream connect) {
  return std::make_unique<SyslogStreamOutput>(std::move(connect));
}

}  // namespace pillion::telemetry
