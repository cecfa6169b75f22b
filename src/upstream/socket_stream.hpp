#pragma once
// Byte streams over TCP and TLS, driven by Asio. One coroutine connects and reads. Writes are made at the end of a
// turn.

#include <cstddef>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "runtime/loop.hpp"
#include "upstream/stream.hpp"
#include "upstream/transport.hpp"

namespace pillion::upstream {

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
  [[nodiscard]] std::optional<Delivery> delivery() override;
  void shut_down() override;
  void close() override;

 private:
  enum class Left : std::uint8_t { nothing, something, ended };  // what is left to read

  [[nodiscard]] boost::asio::awaitable<void> run();
  [[nodiscard]] boost::asio::awaitable<bool> connect();
  [[nodiscard]] boost::asio::awaitable<void> read();
  [[nodiscard]] Left read_ready();
  void use(std::size_t size);
  void fail(const boost::system::error_code& error);
  void give_up();
  void flush() override;
  void write();
  void wait_writable();
  void close_socket();
  void end_operation();
  void set_options();
  void acknowledge_at_once();

  /// `shut`: nothing more is written or handed on, and the socket stays open until the shutdown is complete.
  enum class Phase : std::uint8_t { opening, open, shut, closed };

  runtime::Loop& loop_;
  boost::asio::ip::tcp::endpoint server_;
  StreamEvents& events_;
  Transport transport_;
  Phase phase_ = Phase::opening;
  unsigned operations_ = 0;  // what still refers to this object: the coroutine, a wait, a shutdown
  dns::Buffer out_;          // the messages of this turn, or those that wait until the socket takes more
  std::size_t written_ = 0;  // bytes of out_ that were written
  std::size_t part_ = 0;     // bytes of out_, from written_ on, that must be written next without a change
  bool socket_is_full_ = false;
  bool watches_writability_ = true;  // true at first, since connecting waits for writability
  bool singly_ = false;
  dns::Buffer in_;
  std::size_t in_size_ = 0;
};

using PlainSocketStream = SocketStream<PlainTransport>;
using TlsSocketStream = SocketStream<TlsTransport>;

extern template class SocketStream<PlainTransport>;
extern template class SocketStream<TlsTransport>;

}  // namespace pillion::upstream
