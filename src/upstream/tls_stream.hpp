#pragma once
// TLS over a socket without an intermediate buffer: OpenSSL reads and writes the socket itself.
//
// asio::ssl::stream keeps OpenSSL from the socket by a pair of memory buffers. That costs copies, a look for more after
// each message and half of the CPU time of an isolated query.

#include <cstddef>
#include <memory>

#include <boost/asio/awaitable.hpp>
#include <openssl/ssl.h>

#include "dns/wire.hpp"
#include "upstream/tcp_socket.hpp"

namespace pillion::upstream {

/// The client's side. Whatever reads or writes does so at once, or fails with error::would_block; the owner waits for
/// the socket then. Neither an end without close_notify nor an error of the socket is told to OpenSSL, which would
/// forget the session.
class TlsStream {
 public:
  /// Both outlive the stream.
  TlsStream(TcpSocket& socket, SSL_CTX* context);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  [[nodiscard]] SSL* native_handle() { return ssl_.get(); }

  /// What to wait for after error::would_block.
  [[nodiscard]] TcpSocket::wait_type wanted() const {
    return SSL_want_write(ssl_.get()) ? TcpSocket::wait_write : TcpSocket::wait_read;
  }

  /// Errors of OpenSSL have its category, others that of the system; error::eof where the server closes.
  [[nodiscard]] boost::asio::awaitable<boost::system::error_code> handshake();
  /// error::eof where the server closes, with or without close_notify.
  std::size_t read_some(dns::MutableBytes buffer, boost::system::error_code& error);
  /// True if something has been taken from the socket that was not read yet, so that the socket does not tell of it.
  [[nodiscard]] bool has_pending() const { return SSL_has_pending(ssl_.get()) == 1; }
  /// Takes a part of `bytes`. After error::would_block the next call must begin with the same bytes, and at least as
  /// many, wherever they lie by then.
  std::size_t write_some(dns::Bytes bytes, boost::system::error_code& error);
  /// Sends close_notify, then waits for the server's: error::would_block as long as it has not come.
  void shutdown(boost::system::error_code& error);

 private:
  struct Bio;
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  [[nodiscard]] boost::system::error_code error_of(int result);

  TcpSocket& socket_;
  boost::system::error_code socket_error_;  // of the last call; not for want of bytes or room
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace pillion::upstream
