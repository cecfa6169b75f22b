#pragma once
// DNS over a byte stream: TCP (RFC 7766) and TLS (RFC 7858). One coroutine connects and reads; writes are made at the
// end of a turn.

#include <cstddef>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "runtime/loop.hpp"
#include "upstream/connection.hpp"
#include "upstream/pipeline.hpp"
#include "upstream/transport.hpp"

namespace pillion::upstream {

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
  enum class Left : std::uint8_t { nothing, something, ended };  // to be read

  [[nodiscard]] boost::asio::awaitable<void> run();
  [[nodiscard]] boost::asio::awaitable<bool> open();
  [[nodiscard]] boost::asio::awaitable<void> read();
  [[nodiscard]] Left read_ready();
  void end_of_input(const boost::system::error_code& error);
  void fail(const boost::system::error_code& error);
  bool consume(runtime::Time now);
  void learn_idle_timeout(const Reply& reply);
  void flush() override;
  void wait_writable();
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
  unsigned operations_ = 0;  // the coroutine, a wait, a shutdown: what still refers to this object
  dns::Buffer out_;          // queries of this turn, or those that wait for the socket to take more
  std::size_t written_ = 0;  // of out_
  std::size_t part_ = 0;     // what has to leave next, as it is: of out_, from written_ on
  bool socket_is_full_ = false;
  bool watches_writability_ = true;  // as when it waited for the connection
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
