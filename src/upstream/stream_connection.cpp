#include "upstream/stream_connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dns/edns.hpp"
#include "dns/framing.hpp"
#include "upstream/socket_error.hpp"

namespace pillion::upstream {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t read_size = 16 * 1024 + 512;  // a whole TLS record, and the start of a message before it
constexpr unsigned reads_per_turn = 16;             // then other sockets have their turn

}  // namespace

template <typename Transport>
void StreamConnection<Transport>::start() {
  ++operations_;
  loop_.set_deadline(*this, loop_.clock().now() + limits_.connect_timeout);
  loop_.tasks().spawn(run(), "upstream connection");
}

template <typename Transport>
asio::awaitable<void> StreamConnection<Transport>::run() {
  // Not within the condition: g++ 12 then makes a coroutine that resumes into a trap.
  const bool opened = co_await open();
  if (opened) co_await read();
  end_operation();
}

/// True when the connection is ready for queries.
template <typename Transport>
asio::awaitable<bool> StreamConnection<Transport>::open() {
  auto& socket = transport_.socket();
  error_code error;
  co_await socket.async_connect(server_, asio::redirect_error(asio::use_awaitable, error));
  loop_.clock().refresh();
  if (phase_ == Phase::closed) co_return false;
  if (error) {
    finish(socket_error(error), error.message());
    co_return false;
  }
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  phase_ = Phase::handshake;
  const auto handshake = co_await transport_.handshake();
  if (phase_ == Phase::closed) co_return false;
  if (!handshake) {
    finish(handshake.error().error, handshake.error().detail);
    co_return false;
  }
  acknowledge_at_once();
  phase_ = Phase::open;
  state_ = ConnectionState::ready;
  loop_.clear_deadline(*this);
  pipeline_.begin(loop_.clock().now());
  in_.resize(read_size);
  events_.ready(*this, *handshake);
  co_return true;
}

template <typename Transport>
asio::awaitable<void> StreamConnection<Transport>::read() {
  auto& socket = transport_.socket();
  error_code error;
  while (true) {
    const auto left = read_ready();
    if (left == Left::ended) co_return;
    if (left == Left::something) {
      co_await asio::post(socket.get_executor(), asio::use_awaitable);
    } else {
      if (std::exchange(watches_writability_, socket_is_full_) && !socket_is_full_) forget_writability(socket);
      co_await socket.async_wait(TcpSocket::wait_read, asio::redirect_error(asio::use_awaitable, error));
    }
    if (phase_ == Phase::closed || phase_ == Phase::shutdown) co_return;
  }
}

/// Reads and handles what has arrived, and says what is left to be read.
template <typename Transport>
typename StreamConnection<Transport>::Left StreamConnection<Transport>::read_ready() {
  const auto now = loop_.clock().refresh();
  auto left = Left::something;
  for (unsigned i = 0; left == Left::something && i < reads_per_turn; ++i) {
    error_code error;
    const auto size = transport_.read_some(dns::MutableBytes(in_).subspan(in_size_), error);
    if (error == asio::error::would_block) {
      left = Left::nothing;
      break;
    }
    if (error) {
      end_of_input(error);
      return Left::ended;
    }
    in_size_ += size;
    if (!consume(now)) return Left::ended;
    // What the socket still has, or its end, is found by the wait, which looks at the socket first.
    if (!transport_.has_pending()) left = Left::nothing;
  }
  // Where nothing is in flight no answer is held back, and the next query carries the acknowledgement.
  if (pipeline_.in_flight() > 0 || pipeline_.is_probing()) acknowledge_at_once();
  return left;
}

template <typename Transport>
void StreamConnection<Transport>::end_of_input(const error_code& error) {
  // Many servers close the TCP connection without close_notify; every message says its length, so a cut cannot go
  // unnoticed.
  if (error == asio::error::eof) return finish_orderly();
  fail(error);
}

template <typename Transport>
void StreamConnection<Transport>::fail(const error_code& error) {
  finish(error.category() == asio::error::get_ssl_category() ? Error::tls_failed : socket_error(error),
         error.message());
}

/// Handles every whole message that has arrived; false when the connection has ended.
template <typename Transport>
bool StreamConnection<Transport>::consume(runtime::Time now) {
  dns::Frames frames(dns::Bytes(in_).first(in_size_));
  while (const auto message = frames.next()) {
    const auto received = pipeline_.receive(*message, now);
    if (!received) {
      finish(received.error(), "the server broke the protocol");
      return false;
    }
    if (received->was_left_lying) events_.needs_single_records(*this);
    if (received->message.reply) learn_idle_timeout(*received->message.reply);
    if (received->is_of_probe) {
      events_.answered_probe(*this);
    } else {
      events_.received(*this, received->message);
    }
    if (phase_ != Phase::open) return false;
  }
  const auto rest = frames.rest();
  std::copy(rest.begin(), rest.end(), in_.begin());
  in_size_ = rest.size();
  if (frames.needed() > in_.size()) in_.resize(frames.needed());
  if (state_ == ConnectionState::draining && pipeline_.waited_for() == 0) finish_orderly();
  return phase_ == Phase::open;
}

/// RFC 7828 section 3.4: after so long without a query the server may close; we close first. Zero asks us to close as
/// soon as we can.
template <typename Transport>
void StreamConnection<Transport>::learn_idle_timeout(const Reply& reply) {
  if (!reply.message || !reply.message->opt()) return;
  const auto timeout = dns::keepalive_timeout(dns::read_edns(*reply.message).options);
  if (!timeout) return;
  if (*timeout == 0) {
    if (state_ == ConnectionState::ready) events_.wears_out(*this);
    return;
  }
  // A little earlier than the server, so that no query crosses its close.
  idle_timeout_ = std::chrono::milliseconds(*timeout * 100) * 9 / 10;
}

template <typename Transport>
void StreamConnection<Transport>::submit(Query& query, runtime::Time now) {
  query.carrier = this;
  pipeline_.add(query, now);
  send(query);
  // With one query in flight the watch may still be set for the idle timeout; it looks at what is in flight when it
  // fires.
  if (!is_set() || at() > now + Liveness::probe_after) loop_.set_deadline(*this, now + Liveness::probe_after);
}

template <typename Transport>
void StreamConnection<Transport>::send(const Query& query) {
  encode_query(query, query.id, encoding_, out_);
  loop_.schedule(*this);
}

template <typename Transport>
void StreamConnection<Transport>::probe(runtime::Time now) {
  if (pipeline_.is_probing()) return;
  send(pipeline_.start_probe(now, Pipeline::Purpose::server));
  watch(now);
}

template <typename Transport>
void StreamConnection<Transport>::abandon(Query& query) {
  pipeline_.abandon(query);
  if (state_ == ConnectionState::draining && pipeline_.waited_for() == 0) finish_orderly();
}

/// Writes the queries of this turn: all of them in one TLS record where they fit, or each in one of its own.
template <typename Transport>
void StreamConnection<Transport>::flush() {
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
  out_.clear();
  written_ = 0;
}

template <typename Transport>
void StreamConnection<Transport>::wait_writable() {
  socket_is_full_ = true;
  watches_writability_ = true;
  ++operations_;
  transport_.socket().async_wait(TcpSocket::wait_write, [this](const error_code&) {
    socket_is_full_ = false;
    flush();
    end_operation();
  });
}

/// Sets the one timer of the connection to the next moment at which something may have to be done.
template <typename Transport>
void StreamConnection<Transport>::watch(runtime::Time now) {
  switch (pipeline_.look(now)) {
    case Liveness::Verdict::dead:
      return finish(Error::stalled, "no reply while queries wait, nor to a probe");
    case Liveness::Verdict::probe:
      send(pipeline_.start_probe(now, Pipeline::Purpose::silence));
      break;
    case Liveness::Verdict::wait:
      break;
  }
  if (pipeline_.is_worn(now, limits_.id_lifetime) && state_ == ConnectionState::ready) events_.wears_out(*this);
  if (const auto look_at = pipeline_.look_at(now, limits_.id_lifetime)) return loop_.set_deadline(*this, *look_at);
  if (!idle_timeout_) return;
  if (now - pipeline_.last_heard() >= *idle_timeout_) return finish_orderly();
  loop_.set_deadline(*this, pipeline_.last_heard() + *idle_timeout_);
}

template <typename Transport>
void StreamConnection<Transport>::expired(runtime::Time now) {
  switch (phase_) {
    case Phase::tcp_connect:
      return finish(Error::connect_timeout, "no answer to the TCP handshake");
    case Phase::handshake:
      return finish(Error::handshake_timeout, "no answer to the TLS handshake");
    case Phase::open:
      return watch(now);
    case Phase::shutdown: {
      error_code ignored;
      transport_.socket().close(ignored);
      return;
    }
    case Phase::closed:
      return;
  }
}

template <typename Transport>
void StreamConnection<Transport>::retire() {
  if (phase_ == Phase::tcp_connect || phase_ == Phase::handshake) return close();
  if (phase_ != Phase::open) return;
  state_ = ConnectionState::draining;
  if (pipeline_.waited_for() == 0) finish_orderly();
}

template <typename Transport>
void StreamConnection<Transport>::close() {
  finish(std::nullopt, {});
}

/// Ends with a TLS close_notify or a TCP FIN, for at most close_timeout.
template <typename Transport>
void StreamConnection<Transport>::finish_orderly() {
  if (phase_ != Phase::open) return;
  phase_ = Phase::shutdown;
  state_ = ConnectionState::draining;
  ++operations_;
  loop_.set_deadline(*this, loop_.clock().now() + limits_.close_timeout);
  transport_.async_shutdown([this](const error_code&) {
    error_code ignored;
    transport_.socket().close(ignored);
    phase_ = Phase::closed;
    end_operation();
  });
  events_.closed(*this, std::nullopt, {}, pipeline_.close());
}

template <typename Transport>
void StreamConnection<Transport>::finish(std::optional<Error> error, std::string detail) {
  if (phase_ == Phase::closed) return;
  const bool told = phase_ == Phase::shutdown;
  phase_ = Phase::closed;
  state_ = ConnectionState::draining;
  loop_.clear_deadline(*this);
  error_code ignored;
  transport_.socket().close(ignored);
  if (!told) events_.closed(*this, error, std::move(detail), pipeline_.close());
}

template <typename Transport>
void StreamConnection<Transport>::end_operation() {
  if (--operations_ == 0) asio::post(loop_.io(), [this] { events_.gone(*this); });
}

/// Servers that leave Nagle's algorithm on hold back an answer until the one before is acknowledged; the kernel would
/// delay that acknowledgement for 40 ms. It forgets the option by itself, so it is set anew after each read (tcp(7)).
template <typename Transport>
void StreamConnection<Transport>::acknowledge_at_once() {
  const int on = 1;
  ::setsockopt(transport_.socket().native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

template class StreamConnection<PlainTransport>;
template class StreamConnection<TlsTransport>;

}  // namespace pillion::upstream
