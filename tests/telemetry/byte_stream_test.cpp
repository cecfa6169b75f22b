#include "telemetry/byte_stream.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <fstream>
#include <future>

#include <gtest/gtest.h>

#include "support/sockets.hpp"
#include "support/temporary_directory.hpp"
#include "support/tls_server.hpp"
#include "telemetry/connect_socket.hpp"
#include "telemetry/tls_byte_stream.hpp"

namespace pillion::telemetry {
namespace {

struct FreeServer {
  void operator()(SSL* tls) const { SSL_free(tls); }
};

/// A stream to a reader that never reads.
class ByteStreamTest : public testing::TestWithParam<bool> {  // True if the stream is TLS
 protected:
  void SetUp() override {
    auto connected = connect_tcp_socket(endpoint_, waits_);
    ASSERT_TRUE(connected);
    descriptor_ = connected->get();
    accepted_.emplace(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept");
    if (!GetParam()) {
      stream_ = plain_stream(std::move(*connected));
      return;
    }
    const test::CertificateAuthority authority;
    const auto ca_file = directory_.path() / "ca.pem";
    std::ofstream(ca_file) << authority.certificate_pem();
    const auto context = test::make_tls_context(authority.issue(), {});
    tls_.reset(SSL_new(context.get()));
    ASSERT_EQ(SSL_set_fd(tls_.get(), accepted_->get()), 1);
    auto handshake = std::async(std::launch::async, [&] { return SSL_accept(tls_.get()); });
    auto stream = tls_stream(std::move(*connected), {endpoint_, "dot.example", ca_file}, waits_);
    EXPECT_EQ(handshake.get(), 1);
    ASSERT_TRUE(stream) << stream.error();
    stream_ = std::move(*stream);
  }

  [[nodiscard]] bool has_room() const {
    pollfd room{descriptor_, POLLOUT, 0};
    return ::poll(&room, 1, 0) == 1;
  }
  /// What the writer's kernel has of the reader's data.
  [[nodiscard]] int unread() const {
    int size = 0;
    test::check_call(::ioctl(descriptor_, FIONREAD, &size), "ioctl");
    return size;
  }
  /// The reader sends that many bytes, which the kernel has room for.
  void reader_sends(std::size_t size) {
    const std::string data(size, 'y');
    const auto sent = GetParam() ? SSL_write(tls_.get(), data.data(), static_cast<int>(size))
                                 : ::send(accepted_->get(), data.data(), size, MSG_NOSIGNAL);
    ASSERT_EQ(sent, static_cast<int>(size));
  }
  [[nodiscard]] std::expected<std::size_t, std::string> write() { return stream_->write_some(bytes_, waits_); }

  const std::string bytes_ = std::string(std::size_t{1} << 16U, 'x');
  test::TemporaryDirectory directory_;
  test::FileDescriptor listener_ = test::listen_tcp(test::SocketAddress::of("127.0.0.1", 0));
  const config::Endpoint endpoint_{.address = "127.0.0.1", .port = test::local_address(listener_.get()).port()};
  EventDescriptor stop_;
  SinkWaits waits_{stop_};
  int descriptor_ = -1;  // of stream_
  std::optional<test::FileDescriptor> accepted_;
  std::unique_ptr<SSL, FreeServer> tls_;  // the reader's
  std::unique_ptr<ByteStream> stream_;
};

// The reader's kernel still acknowledges, and the reader's window stays full, so that the writer's kernel reports no
// error. So it is after a reader has read the rest of its window and closed.
TEST_P(ByteStreamTest, AWriterThatWaitsForRoomSeesThatTheReaderHasClosed) {
  while (has_room()) ASSERT_TRUE(write());
  auto waiting = std::async(std::launch::async, [&] {
    auto written = write();
    while (written) written = write();
    return written.error();
  });
  test::check_call(::shutdown(accepted_->get(), SHUT_WR), "shutdown");
  // The time limit of ctest bounds this.
  EXPECT_EQ(waiting.get(), "the server has closed the connection");
  EXPECT_FALSE(stream_->is_open());
}

TEST_P(ByteStreamTest, AReaderThatSendsMuchIsReadInParts) {
  reader_sends(std::size_t{48} << 10U);
  EXPECT_TRUE(stream_->is_open());
  EXPECT_GT(unread(), 0);
  test::check_call(::shutdown(accepted_->get(), SHUT_WR), "shutdown");
  EXPECT_FALSE(stream_->is_open()) << "although not everything was read";
}

INSTANTIATE_TEST_SUITE_P(Plain, ByteStreamTest, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Tls, ByteStreamTest, testing::Values(true));

}  // namespace
}  // namespace pillion::telemetry
