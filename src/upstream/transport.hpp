#pragma once
// The transports of a stream connection: TCP, or TLS over TCP. Both read and write at once or fail with
// error::would_block; the owner then waits for the socket.

#include <cstddef>
#include <expected>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "runtime/loop.hpp"
#include "upstream/connection.hpp"
#include "upstream/tcp_socket.hpp"
#include "upstream/tls_context.hpp"
#include "upstream/tls_identity.hpp"
#include "upstream/tls_stream.hpp"

namespace pillion::upstream {

/// A plain TCP connection.
class PlainTransport {
 public:
  explicit PlainTransport(runtime::Loop& loop) : socket_(loop.io()) {}

  [[nodiscard]] TcpSocket& socket() { return socket_; }
  [[nodiscard]] boost::asio::awaitable<std::expected<Handshake, TlsFailure>> handshake();
  std::size_t read_some(dns::MutableBytes buffer, boost::system::error_code& error) {
    return read_now(socket_, buffer, error);
  }
  [[nodiscard]] bool has_pending() const { return false; }
  [[nodiscard]] static TcpSocket::wait_type wanted() { return TcpSocket::wait_read; }
  std::size_t write_some(dns::Bytes bytes, boost::system::error_code& error) {
    return write_now(socket_, bytes, error);
  }
  /// Sends FIN, then calls `handler(error_code)`.
  template <typename Handler>
  void async_shutdown(Handler handler) {
    boost::system::error_code error;
    socket_.shutdown(TcpSocket::shutdown_send, error);
    boost::asio::post(socket_.get_executor(), [handler = std::move(handler), error] { handler(error); });
  }

 private:
  TcpSocket socket_;
};

/// A verified TLS connection.
class TlsTransport {
 public:
  TlsTransport(runtime::Loop& loop, TlsContext& context, TlsIdentity& identity)
      : clock_(loop.clock()),
        context_(context),
        socket_(loop.io()),
        stream_(socket_, context.native().native_handle()),
        identity_(identity) {}
  ~TlsTransport() {
    // OpenSSL discards the session of a connection that ends without close_notify, as with many servers. Each message
    // states its length, so that a truncation is noticed, and the session remains valid.
    SSL_set_shutdown(stream_.native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  [[nodiscard]] TcpSocket& socket() { return socket_; }
  [[nodiscard]] boost::asio::awaitable<std::expected<Handshake, TlsFailure>> handshake();
  std::size_t read_some(dns::MutableBytes buffer, boost::system::error_code& error) {
    return stream_.read_some(buffer, error);
  }
  [[nodiscard]] bool has_pending() const { return stream_.has_pending(); }
  /// What to wait for after read_some(). It is room for writing if an answer to the server's KeyUpdate (RFC 8446
  /// section 4.6.3) must leave first: the socket may be readable all the time.
  [[nodiscard]] TcpSocket::wait_type wanted() const { return stream_.wanted(); }
  std::size_t write_some(dns::Bytes bytes, boost::system::error_code& error) {
    return stream_.write_some(bytes, error);
  }
  /// Exchanges close_notify (RFC 8446 section 6.1), then calls `handler(error_code)`.
  template <typename Handler>
  void async_shutdown(Handler handler) {
    boost::system::error_code error;
    stream_.shutdown(error);
    if (error != boost::asio::error::would_block) {
      return boost::asio::post(socket_.get_executor(), [handler = std::move(handler), error] { handler(error); });
    }
    socket_.async_wait(stream_.wanted(),
                       [this, handler = std::move(handler)](boost::system::error_code failed) mutable {
                         if (failed) return handler(failed);
                         async_shutdown(std::move(handler));
                       });
  }

 private:
  runtime::TurnClock& clock_;
  const TlsContext& context_;
  TcpSocket socket_;
  TlsStream stream_;
  TlsIdentity& identity_;
};

}  // namespace pillion::upstream
