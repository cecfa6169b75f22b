#include "upstream/socket_stream.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dns/framing.hpp"
#include "upstream/openssl_error.hpp"
#include "upstream/socket_error.hpp"

namespace pillion::upstream {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t read_size = 16 * 1024 + 512;  // a whole TLS record, and the start of a message before it
// Bytes of the output buffer that are kept; more is freed after a peak.
constexpr std::size_t kept_capacity = std::size_t{64} * 1024;
// A turn reads so often and for so long, then other sockets have their turn. One read may take long: what a server
// sends between two records of data, such as updates of keys, costs a hundred times as much as data.
constexpr unsigned reads_per_turn = 16;
constexpr std::chrono::milliseconds time_per_turn{1};

}  // namespace

template <typename Transport>
void SocketStream<Transport>::open() {
  ++operations_;
  try {
    loop_.tasks().spawn(run(), "upstream connection");
  } catch (...) {
    // Nothing connects now. The connection's timeout ends it.
    --operations_;
    throw;
  }
}

template <typename Transport>
asio::awaitable<void> SocketStream<Transport>::run() {
  bool failed = false;
  try {
    // Not within the condition: g++ 12 would make a coroutine that traps when it is resumed.
    const bool connected = co_await connect();
    if (connected) co_await read();
  } catch (...) {
    loop_.note_exception("upstream connection");
    failed = true;
  }
  if (failed) give_up();
  end_operation();
}

/// An exception leaves the state unknown, so that the connection must end.
template <typename Transport>
void SocketStream<Transport>::give_up() {
  if (phase_ != Phase::opening && phase_ != Phase::open) return;
  loop_.contain("upstream connection", [this] { events_.ended(Error::no_resources, "internal error"); }, [] {});
}

/// True if bytes may be read.
template <typename Transport>
asio::awaitable<bool> SocketStream<Transport>::connect() {
  error_code error;
  co_await transport_.socket().async_connect(server_, asio::redirect_error(asio::use_awaitable, error));
  loop_.clock().refresh();
  if (phase_ != Phase::opening) co_return false;
  if (error) {
    events_.ended(socket_error(error), error.message());
    co_return false;
  }
  set_options();
  events_.connected();
  const auto handshake = co_await transport_.handshake();
  if (phase_ != Phase::opening) co_return false;
  if (!handshake) {
    events_.ended(handshake.error().error, handshake.error().detail);
    co_return false;
  }
  acknowledge_at_once();
  phase_ = Phase::open;
  in_.resize(read_size);
  events_.opened(*handshake);
  co_return true;
}

template <typename Transport>
asio::awaitable<void> SocketStream<Transport>::read() {
  auto& socket = transport_.socket();
  error_code error;
  while (phase_ == Phase::open) {
    const auto left = read_ready();
    if (left == Left::ended) co_return;
    if (left == Left::something) {
      co_await asio::post(socket.get_executor(), asio::use_awaitable);
    } else {
      if (std::exchange(watches_writability_, socket_is_full_) && !socket_is_full_) forget_writability(socket);
      co_await socket.async_wait(transport_.wanted(), asio::redirect_error(asio::use_awaitable, error));
    }
  }
}

/// Reads and hands on what has arrived. Returns what is left to read.
template <typename Transport>
typename SocketStream<Transport>::Left SocketStream<Transport>::read_ready() {
  const auto end = loop_.clock().refresh() + time_per_turn;
  auto left = Left::something;
  for (unsigned i = 0; left == Left::something && i < reads_per_turn; ++i) {
    if (i > 0 && loop_.clock().refresh() >= end) break;
    error_code error;
    const auto size = transport_.read_some(dns::MutableBytes(in_).subspan(in_size_), error);
    if (error == asio::error::would_block) {
      left = Left::nothing;
      break;
    }
    if (error) {
      fail(error);
      return Left::ended;
    }
    use(size);
    if (phase_ != Phase::open) return Left::ended;
    // The wait checks the socket first, and so finds more data or its end.
    if (!transport_.has_pending()) left = Left::nothing;
  }
  // If nothing is in flight, no answer is held back, and the next query carries the acknowledgement.
  if (events_.expects_more()) acknowledge_at_once();
  return left;
}

template <typename Transport>
void SocketStream<Transport>::fail(const error_code& error) {
  // Many servers close the TCP connection without close_notify. Each message states its length, so that a truncation
  // is noticed.
  if (error == asio::error::eof) return events_.ended(std::nullopt, {});
  // Under TLS 1.3 the server may refuse the client's certificate after the handshake (RFC 8446 section 4.4.2.4).
  if (error.category() == asio::error::get_ssl_category())
    return events_.ended(Error::tls_failed, openssl_text(static_cast<unsigned long>(error.value())));
  if (error == asio::error::message_size) return events_.ended(Error::tls_failed, TlsStream::too_much_without_data);
  // The kernel has given up: its data or its keepalive was not acknowledged (set_options).
  if (error == asio::error::timed_out) return events_.ended(Error::stalled, error.message());
  events_.ended(socket_error(error), error.message());
}

/// Hands on what has arrived, and keeps an incomplete message.
template <typename Transport>
void SocketStream<Transport>::use(std::size_t size) {
  in_size_ += size;
  const auto used = events_.arrived(dns::Bytes(in_).first(in_size_));
  const auto rest = dns::Bytes(in_).first(in_size_).subspan(used);
  std::copy(rest.begin(), rest.end(), in_.begin());
  in_size_ = rest.size();
  if (in_size_ == in_.size()) in_.resize(dns::Frames(rest).needed());
}

template <typename Transport>
void SocketStream<Transport>::flush() {
  loop_.contain("upstream connection", [this] { write(); }, [this] { give_up(); });
}

/// Writes the messages of this turn: all of them in one TLS record if they fit, or each in its own.
template <typename Transport>
void SocketStream<Transport>::write() {
  if (socket_is_full_ || phase_ != Phase::open) return;
  while (written_ < out_.size()) {
    const auto rest = dns::Bytes(out_).subspan(written_);
    if (part_ == 0) part_ = singly_ ? dns::Frames(rest).needed() : rest.size();
    error_code error;
    const auto size = transport_.write_some(rest.first(part_), error);
    if (error == asio::error::would_block) return wait_writable();
    if (error) return fail(error);
    written_ += size;
    part_ -= size;
  }
  written_ = 0;
  if (out_.capacity() > kept_capacity) {
    dns::Buffer().swap(out_);
  } else {
    out_.clear();
  }
}

template <typename Transport>
void SocketStream<Transport>::wait_writable() {
  socket_is_full_ = true;
  watches_writability_ = true;
  transport_.socket().async_wait(TcpSocket::wait_write, [this](const error_code&) {
    socket_is_full_ = false;
    flush();
    end_operation();
  });
  ++operations_;
}

template <typename Transport>
std::optional<Delivery> SocketStream<Transport>::delivery() {
  const auto socket = transport_.socket().native_handle();
  // Bytes that are not acknowledged, whether sent or not (tcp(7)).
  int queued = 0;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::ioctl(socket, SIOCOUTQ, &queued) != 0 || ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
    return std::nullopt;
  return Delivery{.is_complete = queued == 0 && out_.empty(), .retransmissions = info.tcpi_retransmits};
}

template <typename Transport>
void SocketStream<Transport>::shut_down() {
  phase_ = Phase::shut;
  ++operations_;
  transport_.async_shutdown([this](const error_code&) {
    close_socket();
    end_operation();
  });
}

template <typename Transport>
void SocketStream<Transport>::close() {
  // Counts as an operation, so that released() follows even if no other is pending.
  ++operations_;
  close_socket();
  asio::post(loop_.io(), [this] { end_operation(); });
}

template <typename Transport>
void SocketStream<Transport>::close_socket() {
  phase_ = Phase::closed;
  error_code ignored;
  transport_.socket().close(ignored);
}

template <typename Transport>
void SocketStream<Transport>::end_operation() {
  if (--operations_ > 0) return;
  asio::post(loop_.io(), [this] {
    // A timeout may meanwhile have closed what was only shut down, which is another operation.
    if (operations_ == 0) events_.released();
  });
}

/// Makes the kernel test whether the other end of an idle connection is still there, and give up a connection whose
/// bytes are not acknowledged, before a query has to wait for it (tcp(7)).
template <typename Transport>
void SocketStream<Transport>::set_options() {
  const auto set = [socket = transport_.socket().native_handle()](int level, int name, int value) {
    ::setsockopt(socket, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);
}

/// A server with Nagle's algorithm holds an answer back until the one before is acknowledged, and the kernel would
/// delay that acknowledgement for 40 ms. The kernel resets the option, so that it is set again after each read
/// (tcp(7)).
template <typename Transport>
void SocketStream<Transport>::acknowledge_at_once() {
  const int on = 1;
  ::setsockopt(transport_.socket().native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

template class SocketStream<PlainTransport>;
template class SocketStream<TlsTransport>;

}  // namespace pillion::upstream
