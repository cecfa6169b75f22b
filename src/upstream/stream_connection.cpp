#include "upstream/stream_connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "dns/edns.hpp"
#include "dns/framing.hpp"
#include "upstream/socket_error.hpp"

namespace pillion::upstream {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t read_size = 16 * 1024 + 512;  // a whole TLS record, and the start of a message before it

bool is_orderly_end(const error_code& error) {
  // Many servers close the TCP connection without close_notify; every message says its length, so a cut cannot go
  // unnoticed.
  return error == asio::error::eof || error == asio::ssl::error::stream_truncated;
}

}  // namespace

asio::awaitable<std::expected<Handshake, TlsFailure>> PlainTransport::handshake() {
  co_return Handshake{};
}

asio::awaitable<std::expected<Handshake, TlsFailure>> TlsTransport::handshake() {
  const auto started = clock_.now();
  auto* const ssl = stream_.native_handle();
  const auto offered = identity_.prepare(ssl, context_, started);
  if (!offered) co_return std::unexpected(offered.error());
  error_code error;
  co_await stream_.async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
  const auto ended = clock_.refresh();
  identity_.note_end(ssl, context_, *offered, ended);
  if (error) {
    if (error.category() == asio::error::get_ssl_category()) {
      co_return std::unexpected(identity_.explain(ssl, static_cast<unsigned long>(error.value())));
    }
    if (is_orderly_end(error)) co_return std::unexpected(identity_.explain(ssl, 0));
    co_return std::unexpected(TlsFailure{socket_error(error), error.message()});
  }
  const auto facts = identity_.check(ssl);
  if (!facts) co_return std::unexpected(facts.error());
  co_return Handshake{.duration = ended - started,
                      .encrypted = true,
                      .resumed = facts->resumed,
                      .not_after = facts->not_after,
                      .version = facts->version,
                      .group = facts->group,
                      .cipher = facts->cipher,
                      .fell_back = *offered == Groups::classical};
}

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
  while (true) {
    const auto [error, size] = co_await transport_.stream().async_read_some(
        asio::buffer(in_.data() + in_size_, in_.size() - in_size_), asio::as_tuple(asio::use_awaitable));
    const auto now = loop_.clock().refresh();
    if (phase_ == Phase::closed || phase_ == Phase::shutdown) co_return;
    if (error) {
      if (is_orderly_end(error)) {
        finish_orderly();
      } else {
        finish(error.category() == asio::error::get_ssl_category() ? Error::tls_failed : socket_error(error),
               error.message());
      }
      co_return;
    }
    acknowledge_at_once();
    in_size_ += size;
    if (!consume(now)) co_return;
  }
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

template <typename Transport>
void StreamConnection<Transport>::flush() {
  if (writing_ || phase_ != Phase::open || out_.empty()) return;
  std::swap(out_, on_wire_);
  out_.clear();
  written_size_ = 0;
  write();
}

/// Writes what is left of on_wire_: all of it in one TLS record where it fits, or its next query alone.
template <typename Transport>
void StreamConnection<Transport>::write() {
  auto rest = dns::Bytes(on_wire_).subspan(written_size_);
  if (singly_) rest = rest.first(dns::Frames(rest).needed());
  writing_ = true;
  ++operations_;
  asio::async_write(transport_.stream(), asio::buffer(rest.data(), rest.size()),
                    [this](const error_code& error, std::size_t size) { written(error, size); });
}

template <typename Transport>
void StreamConnection<Transport>::written(const error_code& error, std::size_t size) {
  writing_ = false;
  written_size_ += size;
  if (error) {
    if (phase_ == Phase::open) finish(socket_error(error), error.message());
  } else if (phase_ == Phase::open && written_size_ < on_wire_.size()) {
    write();
  } else {
    flush();
  }
  end_operation();
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
