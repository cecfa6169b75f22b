#include "upstream/socket_stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

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
void SocketStream<Transport>::open() {
  ++operations_;
  loop_.tasks().spawn(run(), "upstream connection");
}

template <typename Transport>
asio::awaitable<void> SocketStream<Transport>::run() {
  // Not within the condition: g++ 12 then makes a coroutine that resumes into a trap.
  const bool connected = co_await connect();
  if (connected) co_await read();
  end_operation();
}

/// True when bytes may be read.
template <typename Transport>
asio::awaitable<bool> SocketStream<Transport>::connect() {
  error_code error;
  co_await transport_.socket().async_connect(server_, asio::redirect_error(asio::use_awaitable, error));
  loop_.clock().refresh();
  if (phase_ != Phase::opening) co_return false;
  if (error) {
    end(socket_error(error), error.message());
    co_return false;
  }
  set_options();
  events_.connected();
  const auto handshake = co_await transport_.handshake();
  if (phase_ != Phase::opening) co_return false;
  if (!handshake) {
    end(handshake.error().error, handshake.error().detail);
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
  while (phase_ == Phase::open) {
    const auto [error, size] = co_await transport_.stream().async_read_some(
        asio::buffer(in_.data() + in_size_, in_.size() - in_size_), asio::as_tuple(asio::use_awaitable));
    loop_.clock().refresh();
    if (phase_ != Phase::open) co_return;
    if (is_orderly_end(error)) {
      end(std::nullopt, {});
    } else if (error) {
      end(error.category() == asio::error::get_ssl_category() ? Error::tls_failed : socket_error(error),
          error.message());
    } else {
      acknowledge_at_once();
      use(size);
    }
  }
}

template <typename Transport>
void SocketStream<Transport>::end(std::optional<Error> error, const std::string& detail) {
  events_.ended(error, detail);
}

/// Hands on what has arrived, and keeps what is not a whole message yet.
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
  if (writing_ || phase_ != Phase::open || out_.empty()) return;
  std::swap(out_, on_wire_);
  out_.clear();
  written_size_ = 0;
  write();
}

/// Writes what is left of on_wire_: all of it in one TLS record where it fits, or its next message alone.
template <typename Transport>
void SocketStream<Transport>::write() {
  auto rest = dns::Bytes(on_wire_).subspan(written_size_);
  if (singly_) rest = rest.first(dns::Frames(rest).needed());
  writing_ = true;
  ++operations_;
  asio::async_write(transport_.stream(), asio::buffer(rest.data(), rest.size()),
                    [this](const error_code& error, std::size_t size) { written(error, size); });
}

template <typename Transport>
void SocketStream<Transport>::written(const error_code& error, std::size_t size) {
  writing_ = false;
  written_size_ += size;
  if (phase_ == Phase::open) {
    if (error) {
      end(socket_error(error), error.message());
    } else if (written_size_ < on_wire_.size()) {
      write();
    } else {
      flush();
    }
  }
  end_operation();
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
  // An operation of its own, so that released() follows even where none is under way.
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
  if (--operations_ == 0) asio::post(loop_.io(), [this] { events_.released(); });
}

/// The kernel finds out for us whether the other end of an idle connection is still there, and gives up one whose bytes
/// are not acknowledged, before a query would have to wait for it (tcp(7)).
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

/// Servers that leave Nagle's algorithm on hold back an answer until the one before is acknowledged; the kernel would
/// delay that acknowledgement for 40 ms. It forgets the option by itself, so it is set anew after each read (tcp(7)).
template <typename Transport>
void SocketStream<Transport>::acknowledge_at_once() {
  const int on = 1;
  ::setsockopt(transport_.socket().native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

template class SocketStream<PlainTransport>;
template class SocketStream<TlsTransport>;

}  // namespace pillion::upstream
