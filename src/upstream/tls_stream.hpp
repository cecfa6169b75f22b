#pragma once
// TLS over a socket without an intermediate buffer: OpenSSL reads and writes the socket itself.
//
// asio::ssl::stream separates OpenSSL from the socket by two memory buffers. That costs copies, one more read after
// each message, and half of the CPU time of an isolated query.

#include <cstddef>
#include <memory>

#include <boost/asio/awaitable.hpp>
#include <openssl/ssl.h>

#include "dns/wire.hpp"
#include "upstream/tcp_socket.hpp"

namespace pillion::upstream {

/// The client's side. Reads and writes complete at once or fail with error::would_block; the owner then waits for the
/// socket. OpenSSL is told neither of an end without close_notify nor of a socket error, since it would then discard
/// the session.
class TlsStream {
 public:
  /// Both must outlive the stream.
  TlsStream(TcpSocket& socket, SSL_CTX* context);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  [[nodiscard]] SSL* native_handle() { return ssl_.get(); }

  /// What to wait for after error::would_block.
  [[nodiscard]] TcpSocket::wait_type wanted() const {
    return SSL_want_write(ssl_.get()) ? TcpSocket::wait_write : TcpSocket::wait_read;
  }

  /// OpenSSL's errors have its category, others the system's; error::eof if the server closes.
  [[nodiscard]] boost::asio::awaitable<boost::system::error_code> handshake();
  /// error::eof if the server closes, with or without close_notify.
  std::size_t read_some(dns::MutableBytes buffer, boost::system::error_code& error);
  /// True if data was taken from the socket that was not read yet, so that the socket does not signal it.
  [[nodiscard]] bool has_pending() const { return SSL_has_pending(ssl_.get()) == 1; }
  /// Writes a part of `bytes`. After error::would_block, the next call must start with the same bytes, and have at
  /// least as many; their address may differ.
  std::size_t write_some(dns::Bytes bytes, boost::system::error_code& error);
  /// Sends close_notify, then waits for the server's: error::would_block until it has come.
  void shutdown(boost::system::error_code& error);

 private:
  struct Bio;
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  [[nodiscard]] boost::system::error_code error_of(int result);

  TcpSocket& socket_;
  boost::system::error_code socket_error_;  // error of the last call, except would_block
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace pillion::upstream
