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
  /// The most bytes that are read from the server with no data among them: its handshake, whose certificates OpenSSL
  /// limits to 100 KiB, and later a part of one record of data, session tickets and updates of keys. One call of
  /// OpenSSL handles all of these that have arrived, so that a server that sends nothing else would keep the loop from
  /// everybody else.
  static constexpr std::size_t max_handshake = std::size_t{128} << 10U;
  static constexpr std::size_t max_without_data = std::size_t{64} << 10U;
  /// What is wrong after error::message_size.
  static constexpr const char* too_much_without_data = "the server sends too much TLS without data";

  /// Both must outlive the stream.
  TlsStream(TcpSocket& socket, SSL_CTX* context);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  [[nodiscard]] SSL* native_handle() { return ssl_.get(); }

  /// What to wait for after error::would_block.
  [[nodiscard]] TcpSocket::wait_type wanted() const {
    return SSL_want_write(ssl_.get()) ? TcpSocket::wait_write : TcpSocket::wait_read;
  }

  /// OpenSSL's errors have its category, others the system's; error::eof if the server closes; error::message_size if
  /// it sends more than max_handshake.
  [[nodiscard]] boost::asio::awaitable<boost::system::error_code> handshake();
  /// error::eof if the server closes, with or without close_notify; error::message_size if it sends more than
  /// max_without_data.
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
  std::size_t readable_ = max_handshake;    // bytes that may be read until there is data
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace pillion::upstream
