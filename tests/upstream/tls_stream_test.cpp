#include "upstream/tls_stream.hpp"

#include <array>
#include <exception>
#include <memory>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include "support/certificates.hpp"
#include "support/tls_server.hpp"

namespace pillion::upstream {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// A client's stream and its server, whose records go through memory, so that a test chooses when bytes are sent.
class TlsStreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    acceptor.set_option(tcp::socket::receive_buffer_size(16 * 1024));
    socket.open(tcp::v4());
    socket.set_option(tcp::socket::send_buffer_size(16 * 1024));
    socket.connect(acceptor.local_endpoint());
    acceptor.accept(peer);
    peer.non_blocking(true);
    peer.set_option(tcp::no_delay(true));
    SSL_set_accept_state(server.get());
    SSL_set_bio(server.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    shake_hands();
  }

  void shake_hands() {
    std::exception_ptr failure;
    bool done = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
          error = co_await stream.handshake();
          done = true;
        },
        [&](const std::exception_ptr& thrown) { failure = thrown; });
    while (!done && !failure) {
      io.restart();
      io.poll();
      take();
      SSL_do_handshake(server.get());
      give(made());
    }
    ASSERT_FALSE(error) << error.message();
    take();
    ASSERT_EQ(SSL_do_handshake(server.get()), 1);
    give(made());
    read();  // the tickets
    ASSERT_EQ(error, asio::error::would_block);
  }

  /// The server reads the data that the client has sent.
  void take() {
    std::array<char, 65536> bytes{};
    error_code ignored;
    const auto size = peer.read_some(asio::buffer(bytes), ignored);
    BIO_write(SSL_get_rbio(server.get()), bytes.data(), static_cast<int>(size));
  }
  /// The data of the server that is not sent yet.
  std::string made() {
    std::string bytes(BIO_ctrl_pending(SSL_get_wbio(server.get())), '\0');
    if (!bytes.empty()) BIO_read(SSL_get_wbio(server.get()), bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  std::string record(const std::string& text) {
    SSL_write(server.get(), text.data(), static_cast<int>(text.size()));
    return made();
  }
  /// At least so many bytes of records without data: updates of the server's keys.
  std::string records_without_data(std::size_t size) {
    std::string bytes;
    while (bytes.size() < size) {
      SSL_key_update(server.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
      SSL_do_handshake(server.get());
      bytes += made();
    }
    return bytes;
  }
  void give(const std::string& bytes) {
    // On loopback, without Nagle's algorithm, written data has arrived.
    asio::write(peer, asio::buffer(bytes));
  }

  std::string read() {
    std::array<std::uint8_t, 4096> buffer{};
    const auto size = stream.read_some(buffer, error);
    return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size)};
  }
  /// True if a wait that begins now ends at once.
  bool is_readable() {
    bool ended = false;
    socket.async_wait(TcpSocket::wait_read, [&](const error_code& failed) { ended = !failed; });
    io.restart();
    io.poll();
    socket.cancel();
    const bool result = ended;
    io.restart();
    io.poll();
    return result;
  }

  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  struct FreeContext {
    void operator()(SSL_CTX* freed) const { SSL_CTX_free(freed); }
  };

  asio::io_context io;
  test::CertificateAuthority authority;
  test::TlsContext server_context = test::make_tls_context(authority.issue(), {});
  std::unique_ptr<SSL, FreeSsl> server{SSL_new(server_context.get())};
  std::unique_ptr<SSL_CTX, FreeContext> context{SSL_CTX_new(TLS_client_method())};
  TcpSocket socket{io};
  tcp::socket peer{io};
  TlsStream stream{socket, context.get()};
  error_code error;
};

TEST_F(TlsStreamTest, ReadsWhatIsThereAndThenWouldBlock) {
  give(record("one"));
  EXPECT_EQ(read(), "one");
  EXPECT_FALSE(error);
  EXPECT_FALSE(stream.has_pending());
  EXPECT_EQ(read(), "");
  EXPECT_EQ(error, asio::error::would_block);
}

TEST_F(TlsStreamTest, HalfARecordWaitsForItsRest) {
  const auto bytes = record("whole");
  for (const auto byte : bytes.substr(0, bytes.size() - 1)) {
    give({byte});
    EXPECT_EQ(read(), "");
    ASSERT_EQ(error, asio::error::would_block);
  }
  give({bytes.back()});
  EXPECT_EQ(read(), "whole");
}

TEST_F(TlsStreamTest, TellsOfRecordsThatTheSocketNoLongerHas) {
  auto both = record("one");
  both += record("two");
  give(both);
  EXPECT_EQ(read(), "one");
  EXPECT_FALSE(is_readable()) << "both were taken by one system call";
  EXPECT_TRUE(stream.has_pending());
  EXPECT_EQ(read(), "two");
  EXPECT_FALSE(stream.has_pending());
}

TEST_F(TlsStreamTest, AWaitTellsOfWhatCameBetweenTheReadAndIt) {
  give(record("one"));
  ASSERT_TRUE(is_readable());
  EXPECT_EQ(read(), "one");
  EXPECT_FALSE(is_readable());
  give(record("two"));
  EXPECT_TRUE(is_readable());
  EXPECT_TRUE(is_readable()) << "and again, as long as it has not been read";
  EXPECT_EQ(read(), "two");
}

TEST_F(TlsStreamTest, AWaitTellsOfAnEndThatCameWithTheData) {
  give(record("last"));
  peer.close();
  ASSERT_TRUE(is_readable());
  EXPECT_EQ(read(), "last");
  EXPECT_FALSE(error);
  // The read before was short, and the end causes no further event.
  EXPECT_TRUE(is_readable());
  EXPECT_EQ(read(), "");
  EXPECT_EQ(error, asio::error::eof);
}

TEST_F(TlsStreamTest, AnEndByCloseNotifyIsAnEnd) {
  SSL_shutdown(server.get());
  give(made());
  read();
  EXPECT_EQ(error, asio::error::eof);
}

TEST_F(TlsStreamTest, AnEndWithoutCloseNotifyLeavesTheSessionGood) {
  peer.close();
  read();
  EXPECT_EQ(error, asio::error::eof);
  EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get_session(stream.native_handle())), 1);
}

TEST_F(TlsStreamTest, AResetIsAnErrorOfTheSystem) {
  peer.set_option(tcp::socket::linger(true, 0));
  peer.close();
  read();
  EXPECT_EQ(error, asio::error::connection_reset);
  stream.write_some(dns::Buffer(10), error);
  EXPECT_EQ(error, asio::error::broken_pipe) << "and no signal ends the process";
}

TEST_F(TlsStreamTest, ADamagedRecordIsAnErrorOfOpenSsl) {
  auto bytes = record("one");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  give(bytes);
  read();
  EXPECT_EQ(error.category(), asio::error::get_ssl_category());
}

TEST_F(TlsStreamTest, AFailureThatOpenSslDoesNotExplainIsAnErrorAllTheSame) {
  give(record("one"));
  std::array<std::uint8_t, 1> nowhere{};
  stream.read_some(dns::MutableBytes(nowhere).first(0), error);
  EXPECT_TRUE(error);
  EXPECT_EQ(error.category(), asio::error::get_ssl_category());
  EXPECT_EQ(read(), "one") << "nothing is lost of it";
}

TEST_F(TlsStreamTest, AnErrorThatSomebodyLeftBehindIsNotTaken) {
  ERR_raise(ERR_LIB_X509, ERR_R_INTERNAL_ERROR);
  read();
  EXPECT_EQ(error, asio::error::would_block);
  ERR_raise(ERR_LIB_X509, ERR_R_INTERNAL_ERROR);
  give(record("one"));
  EXPECT_EQ(read(), "one");
}

TEST_F(TlsStreamTest, AServerThatSendsTlsWithoutDataIsHeardNoLonger) {
  constexpr std::size_t piece = 8192;
  std::size_t given = 0;
  for (error = asio::error::would_block;
       error == asio::error::would_block && given < 4 * TlsStream::max_without_data;) {
    const auto bytes = records_without_data(piece);
    given += bytes.size();
    give(bytes);
    read();
  }
  EXPECT_EQ(error, asio::error::message_size) << error.message();
  EXPECT_GT(given, TlsStream::max_without_data);
  EXPECT_LE(given, TlsStream::max_without_data + 2 * piece);
  // A connection that is shut down reads until the server's close_notify.
  stream.shutdown(error);
  EXPECT_EQ(error, asio::error::message_size) << error.message();
}

TEST_F(TlsStreamTest, DataEndsTheCountOfTlsWithoutData) {
  for (std::size_t given = 0; given < 2 * TlsStream::max_without_data; given += TlsStream::max_without_data / 2) {
    give(records_without_data(TlsStream::max_without_data / 2));
    read();
    ASSERT_EQ(error, asio::error::would_block) << error.message();
    give(record("one"));
    ASSERT_EQ(read(), "one");
  }
}

TEST_F(TlsStreamTest, TheAnswerToAKeyUpdateWaitsForRoom) {
  // The server does not read.
  const dns::Buffer bytes(std::size_t{64} * 1024);
  while (!error || error != asio::error::would_block) stream.write_some(bytes, error);
  SSL_key_update(server.get(), SSL_KEY_UPDATE_REQUESTED);
  SSL_do_handshake(server.get());
  give(made());
  read();
  EXPECT_EQ(error, asio::error::would_block) << error.message();
  EXPECT_EQ(stream.wanted(), is_readable() ? TcpSocket::wait_write : TcpSocket::wait_read);
}

TEST_F(TlsStreamTest, WritesOnlyWhatTheSocketTakesAndGoesOnFromAnotherPlace) {
  std::string sent;
  for (int i = 0; sent.size() < std::size_t{1024} * 1024; ++i) sent += std::to_string(i) + ' ';
  std::string received;
  bool was_full = false;
  for (std::size_t written = 0; received.size() < sent.size();) {
    // A new buffer each time, like a vector that has grown.
    const dns::Buffer rest(sent.begin() + static_cast<std::ptrdiff_t>(written), sent.end());
    written += rest.empty() ? 0 : stream.write_some(rest, error);
    ASSERT_TRUE(!error || error == asio::error::would_block) << error.message();
    if (!error && !rest.empty()) continue;
    was_full = was_full || !rest.empty();
    take();
    std::array<char, 65536> plain{};
    for (int size = 0; (size = SSL_read(server.get(), plain.data(), plain.size())) > 0;) {
      received.append(plain.data(), static_cast<std::size_t>(size));
    }
  }
  EXPECT_TRUE(was_full);
  EXPECT_TRUE(received == sent);
}

TEST_F(TlsStreamTest, ShutdownWaitsForTheOtherSide) {
  stream.shutdown(error);
  EXPECT_EQ(error, asio::error::would_block);
  take();
  EXPECT_EQ(SSL_shutdown(server.get()), 0);
  EXPECT_EQ(SSL_get_shutdown(server.get()), SSL_SENT_SHUTDOWN);
  char byte = 0;
  EXPECT_EQ(SSL_get_error(server.get(), SSL_read(server.get(), &byte, 1)), SSL_ERROR_ZERO_RETURN);
  give(made());
  stream.shutdown(error);
  EXPECT_FALSE(error) << error.message();
}

}  // namespace
}  // namespace pillion::upstream
