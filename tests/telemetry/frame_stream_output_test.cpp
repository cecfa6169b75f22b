#include "telemetry/frame_stream_output.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <future>
#include <string>

#include <gtest/gtest.h>

#include "support/sockets.hpp"
#include "telemetry/connect_socket.hpp"

namespace pillion::telemetry {
namespace {

/// A reader of Frame Streams that accepts the stream and reads no frame.
class FrameStreamOutputTest : public ::testing::Test {
 protected:
  void open() {
    auto handshake = std::async(std::launch::async, [&] {
      pollfd client{listener_.get(), POLLIN, 0};
      test::check_call(::poll(&client, 1, -1), "poll");
      accepted_.emplace(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept");
      static_cast<void>(read_control());  // READY
      // ACCEPT of the content type.
      send(std::string("\0\0\0\0\0\0\0\x22\0\0\0\1\0\0\0\1\0\0\0\x16protobuf:dnstap.Dnstap", 42));
      return read_control();  // START
    });
    const auto opened = output_->open(waits_);
    ASSERT_TRUE(opened) << opened.error();
    EXPECT_EQ(handshake.get(), '\2');
  }
  [[nodiscard]] bool has_room() const {
    pollfd room{descriptor_, POLLOUT, 0};
    return ::poll(&room, 1, 0) == 1;
  }

  RecordBatch batch_ = [] {
    RecordBatch batch;
    batch.bytes = std::string(10'000, 'x');
    batch.ends = {batch.bytes.size()};
    return batch;
  }();
  test::FileDescriptor listener_ = test::listen_tcp(test::SocketAddress::of("127.0.0.1", 0));
  const config::Endpoint endpoint_{.address = "127.0.0.1", .port = test::local_address(listener_.get()).port()};
  EventDescriptor stop_;
  SinkWaits waits_{stop_};
  int descriptor_ = -1;  // of the output's socket
  std::optional<test::FileDescriptor> accepted_;
  std::unique_ptr<RecordOutput> output_ = frame_stream_output([this](SinkWaits& waits) {
    auto connected = connect_tcp_socket(endpoint_, waits);
    if (connected) descriptor_ = connected->get();
    return connected;
  });

 private:
  [[nodiscard]] std::string receive(std::size_t size) {
    std::string bytes(size, '\0');
    EXPECT_EQ(::recv(accepted_->get(), bytes.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
    return bytes;
  }
  void send(const std::string& bytes) {
    EXPECT_EQ(::send(accepted_->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  /// Reads a control frame. Its type.
  char read_control() {
    const auto start = receive(8);
    return receive(static_cast<unsigned char>(start[7]))[3];
  }
};

// The reader's window stays full and its kernel still acknowledges, so that the writer's kernel reports no error.
TEST_F(FrameStreamOutputTest, AWriterThatWaitsForRoomSeesThatTheReaderHasClosed) {
  open();
  while (has_room()) ASSERT_EQ(output_->write(batch_, 0, waits_).records, 1U);
  auto waiting = std::async(std::launch::async, [&] {
    auto written = output_->write(batch_, 0, waits_);
    while (written.records == 1) written = output_->write(batch_, 0, waits_);
    return written.error;
  });
  test::check_call(::shutdown(accepted_->get(), SHUT_WR), "shutdown");
  // The time limit of ctest bounds this.
  EXPECT_EQ(waiting.get(), "Connection reset by peer");
}

}  // namespace
}  // namespace pillion::telemetry
