#pragma once
// DNS over a byte stream: TCP (RFC 7766) and TLS (RFC 7858). One coroutine connects and reads; writes are made at the
// end of a turn.

#include <expected>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "runtime/loop.hpp"
#include "upstream/connection.hpp"
#include "upstream/pipeline.hpp"
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
class StreamConnection final : public Connection, runtime::Flushable, runtime::Deadline {
 public:
  template <typename... TransportArguments>
  StreamConnection(runtime::Loop& loop, boost::asio::ip::tcp::endpoint server, const Encoding& encoding,
                   const ConnectionLimits& limits, ConnectionEvents& events, TransportArguments&&... transport)
      : loop_(loop),
        server_(std::move(server)),
        encoding_(encoding),
        limits_(limits),
        events_(events),
        transport_(loop, std::forward<TransportArguments>(transport)...),
        pipeline_(limits.max_in_flight, [&loop] { return loop.random().u16(); }) {}
  ~StreamConnection() override { loop_.unschedule(*this); }

  void start() override;
  void write_singly() override { singly_ = true; }
  void submit(Query& query, runtime::Time now) override;
  void probe(runtime::Time now) override;
  void abandon(Query& query) override;
  void retire() override;
  void close() override;
  [[nodiscard]] ConnectionState state() const override { return state_; }
  [[nodiscard]] std::size_t in_flight() const override { return pipeline_.in_flight(); }
  [[nodiscard]] std::size_t waited_for() const override { return pipeline_.waited_for(); }
  [[nodiscard]] bool has_room() const override { return pipeline_.has_room(); }
  [[nodiscard]] std::uint64_t answered() const override { return pipeline_.answered(); }

 private:
  enum class Phase : std::uint8_t { tcp_connect, handshake, open, shutdown, closed };

  [[nodiscard]] boost::asio::awaitable<void> run();
  [[nodiscard]] boost::asio::awaitable<bool> open();
  [[nodiscard]] boost::asio::awaitable<void> read();
  bool consume(runtime::Time now);
  void learn_idle_timeout(const Reply& reply);
  void flush() override;
  void write();
  void written(const boost::system::error_code& error, std::size_t size);
  void expired(runtime::Time now) override;
  void watch(runtime::Time now);
  void send(const Query& query);
  void finish_orderly();
  void finish(std::optional<Error> error, std::string detail);
  void end_operation();
  void acknowledge_at_once();

  runtime::Loop& loop_;
  boost::asio::ip::tcp::endpoint server_;
  Encoding encoding_;
  const ConnectionLimits& limits_;
  ConnectionEvents& events_;
  Transport transport_;
  Pipeline pipeline_;
  Phase phase_ = Phase::tcp_connect;
  ConnectionState state_ = ConnectionState::connecting;
  unsigned operations_ = 0;  // the coroutine, a write, a shutdown: what still refers to this object
  bool writing_ = false;
  dns::Buffer out_;               // queries of this turn
  dns::Buffer on_wire_;           // what is being written
  std::size_t written_size_ = 0;  // of on_wire_
  bool singly_ = false;
  dns::Buffer in_;
  std::size_t in_size_ = 0;
  std::optional<runtime::Duration> idle_timeout_;  // the server's, learned by RFC 7828
};

using TcpConnection = StreamConnection<PlainTransport>;
using TlsConnection = StreamConnection<TlsTransport>;

extern template class StreamConnection<PlainTransport>;
extern template class StreamConnection<TlsTransport>;

}  // namespace pillion::upstream
