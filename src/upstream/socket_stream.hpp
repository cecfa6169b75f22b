#pragma once
// The byte streams that Asio drives, TCP's and TLS's. One coroutine connects and reads; writes are made at the end of a
// turn.

#include <expected>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "runtime/loop.hpp"
#include "upstream/stream.hpp"
#include "upstream/tls.hpp"

namespace pillion::upstream {

/// The loop's own executor by its concrete type: no type erasure on the data path.
using Executor = boost::asio::io_context::executor_type;
using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

/// The byte stream of a plain TCP connection.
class PlainTransport {
 public:
  explicit PlainTransport(runtime::Loop& loop) : stream_(loop.io()) {}

  [[nodiscard]] TcpSocket& stream() { return stream_; }
  [[nodiscard]] TcpSocket& socket() { return stream_; }
  [[nodiscard]] boost::asio::awaitable<std::expected<Handshake, TlsFailure>> handshake();
  /// Says that nothing more will be sent, then calls `handler(error_code)`.
  template <typename Handler>
  void async_shutdown(Handler handler) {
    boost::system::error_code error;
    stream_.shutdown(TcpSocket::shutdown_send, error);
    boost::asio::post(stream_.get_executor(), [handler = std::move(handler), error] { handler(error); });
  }

 private:
  TcpSocket stream_;
};

/// The byte stream of a verified TLS connection.
class TlsTransport {
 public:
  TlsTransport(runtime::Loop& loop, TlsContext& context, TlsIdentity& identity)
      : clock_(loop.clock()), context_(context), stream_(loop.io(), context.native()), identity_(identity) {}
  ~TlsTransport() {
    // OpenSSL forgets the session of a connection that ends without close_notify, as many servers let them end. A cut
    // cannot go unnoticed here, since every message says its length, so the session stays good.
    SSL_set_shutdown(stream_.native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  [[nodiscard]] boost::asio::ssl::stream<TcpSocket>& stream() { return stream_; }
  [[nodiscard]] TcpSocket& socket() { return stream_.next_layer(); }
  [[nodiscard]] boost::asio::awaitable<std::expected<Handshake, TlsFailure>> handshake();
  /// close_notify (RFC 8446 section 6.1).
  template <typename Handler>
  void async_shutdown(Handler handler) {
    stream_.async_shutdown(std::move(handler));
  }

 private:
  runtime::TurnClock& clock_;
  const TlsContext& context_;
  boost::asio::ssl::stream<TcpSocket> stream_;
  TlsIdentity& identity_;
};

template <typename Transport>
class SocketStream final : public Stream, runtime::Flushable {
 public:
  template <typename... TransportArguments>
  SocketStream(runtime::Loop& loop, boost::asio::ip::tcp::endpoint server, StreamEvents& events,
               TransportArguments&&... transport)
      : loop_(loop),
        server_(std::move(server)),
        events_(events),
        transport_(loop, std::forward<TransportArguments>(transport)...) {}
  ~SocketStream() override { loop_.unschedule(*this); }

  void open() override;
  [[nodiscard]] dns::Buffer& out() override { return out_; }
  void flush_soon() override { loop_.schedule(*this); }
  void write_singly() override { singly_ = true; }
  void shut_down() override;
  void close() override;

 private:
  [[nodiscard]] boost::asio::awaitable<void> run();
  [[nodiscard]] boost::asio::awaitable<bool> connect();
  [[nodiscard]] boost::asio::awaitable<void> read();
  void end(std::optional<Error> error, const std::string& detail);
  void use(std::size_t size);
  void flush() override;
  void write();
  void written(const boost::system::error_code& error, std::size_t size);
  void close_socket();
  void end_operation();
  void set_options();
  void acknowledge_at_once();

  /// `shut`: nothing more is written or handed on, and the socket stays until that has been said.
  enum class Phase : std::uint8_t { opening, open, shut, closed };

  runtime::Loop& loop_;
  boost::asio::ip::tcp::endpoint server_;
  StreamEvents& events_;
  Transport transport_;
  Phase phase_ = Phase::opening;
  unsigned operations_ = 0;  // the coroutine, a write, a shutdown: what still refers to this object
  bool writing_ = false;
  bool singly_ = false;
  dns::Buffer out_;               // messages of this turn
  dns::Buffer on_wire_;           // what is being written
  std::size_t written_size_ = 0;  // of on_wire_
  dns::Buffer in_;
  std::size_t in_size_ = 0;
};

using TcpStream = SocketStream<PlainTransport>;
using TlsStream = SocketStream<TlsTransport>;

extern template class SocketStream<PlainTransport>;
extern template class SocketStream<TlsTransport>;

}  // namespace pillion::upstream
