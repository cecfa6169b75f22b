#include "support/dot_session.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>

#include "support/tls_error.hpp"

namespace pillion::test {
namespace {

constexpr std::chrono::seconds linger_limit{2};  // for a client that does not close after our FIN
/// The server sends answers of so many bytes before it handles more queries: under a sanitizer it must not be silent
/// while it handles hundreds of queries with large answers.
constexpr std::size_t batch_limit = 256UL * 1024;

/// Whole messages at the front of `bytes`, and the bytes that they take.
std::pair<std::size_t, std::size_t> whole_messages(dns::Bytes bytes) {
  std::size_t count = 0;
  std::size_t offset = 0;
  while (bytes.size() - offset >= 2) {
    const auto end = offset + 2 + dns::read_u16(bytes, offset);
    if (end > bytes.size()) break;
    offset = end;
    ++count;
  }
  return {count, offset};
}

}  // namespace

Session::Session(SessionHost& host, DotServerState& state, std::uint64_t id, boost::asio::ip::tcp::socket socket,
                 SSL_CTX* context)
    : host_(host),
      state_(state),
      id_(id),
      socket_(std::move(socket)),
      ssl_(context == nullptr ? nullptr : SSL_new(context), SSL_free),
      read_buffer_(64UL * 1024),
      idle_timer_(socket_.get_executor()),
      linger_timer_(socket_.get_executor()) {
  ErrorCode ignored;  // the client may have gone already, which the first read shows
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  source_port_ = socket_.remote_endpoint(ignored).port();
  if (ssl_ != nullptr) {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl_.get());
  }
}

void Session::start() {
  touch();
  read();
}

void Session::resume() {
  if (over_) return;
  touch();
  serve_messages();
  read();
}

void Session::read() {
  const auto settings = state_.settings();
  const auto& manners = settings->connections;
  const bool stalled = received_ >= manners.stall_after_queries || in_flight_ >= manners.max_in_flight;
  if (over_ || reading_ || peer_done_ || (stalled && !closing_)) return;
  reading_ = true;
  socket_.async_read_some(boost::asio::buffer(read_buffer_),
                          tracked([this](const ErrorCode& error, std::size_t size) { on_read(error, size); }));
}

void Session::on_read(const ErrorCode& error, std::size_t size) {
  reading_ = false;
  if (error) return on_end_of_stream(error);
  if (ssl_ == nullptr) {
    take(read_buffer_.data(), size);
  } else if (!failed_ && state_.settings()->connections.finish_handshake) {
    BIO_write(SSL_get_rbio(ssl_.get()), read_buffer_.data(), static_cast<int>(size));
    decrypt();
  }
  if (over_) return;
  serve_messages();
  if (peer_done_ && in_flight_ == 0) close_orderly();
  read();
}

void Session::on_end_of_stream(const ErrorCode& error) {
  peer_done_ = true;
  const bool is_reset = error == boost::asio::error::connection_reset;
  const bool is_tls = ssl_ != nullptr;
  state_.count([&](Counters& counters) {
    if (is_reset) ++counters.resets;
    if (is_tls && !shaken_ && !failed_) {
      ++counters.failed_handshakes;
      counters.last_handshake_error = "closed by the client";
    } else if (is_tls && !notified_ && !closing_ && !failed_) {
      ++counters.unclean_closes;
    }
  });
  // A client may close its sending side and still read (RFC 7766 6.2.4 does not forbid it).
  if (is_reset || finished_ || failed_ || (is_tls && !notified_) || in_flight_ == 0) return end();
}

void Session::decrypt() {
  std::array<std::uint8_t, SSL3_RT_MAX_PLAIN_LENGTH> record{};
  for (;;) {
    // With room for the largest record, each call returns exactly one record.
    const auto size = SSL_read(ssl_.get(), record.data(), static_cast<int>(record.size()));
    note_handshake();
    collect_ciphertext();
    if (size <= 0) {
      const auto error = SSL_get_error(ssl_.get(), size);
      if (error == SSL_ERROR_ZERO_RETURN) {
        if (!std::exchange(notified_, true)) state_.count([](Counters& counters) { ++counters.close_notifies; });
        peer_done_ = !closing_;
      } else if (error != SSL_ERROR_WANT_READ) {
        on_tls_error();
      }
      break;
    }
    const auto messages = take(record.data(), static_cast<std::size_t>(size));
    state_.count_record({id_, static_cast<std::size_t>(size), messages});
  }
  pump();
}

void Session::note_handshake() {
  if (shaken_ || SSL_is_init_finished(ssl_.get()) != 1) return;
  shaken_ = true;
  const auto* server_name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  state_.count([&](Counters& counters) {
    ++counters.handshakes;
    if (SSL_session_reused(ssl_.get()) == 1) ++counters.resumed_handshakes;
    counters.last_alpn_offer = offered_alpn(ssl_.get());
    counters.last_server_name = server_name == nullptr ? "" : server_name;
    counters.last_tls_version = SSL_version(ssl_.get());
  });
}

void Session::on_tls_error() {
  failed_ = true;
  const auto reason = take_tls_error();
  if (!shaken_) {
    state_.count([&](Counters& counters) {
      ++counters.failed_handshakes;
      counters.last_handshake_error = reason;
      counters.last_alpn_offer = offered_alpn(ssl_.get());
    });
  }
  close_orderly();  // sends OpenSSL's alert first
}

std::size_t Session::take(const std::uint8_t* bytes, std::size_t size) {
  if (closing_) return 0;
  plaintext_.insert(plaintext_.end(), bytes, bytes + size);
  const auto [messages, used] = whole_messages(dns::Bytes(plaintext_).subspan(counted_));
  counted_ += used;
  return messages;
}

void Session::serve_messages() {
  const auto settings = state_.settings();
  const auto& manners = settings->connections;
  std::size_t offset = 0;
  std::size_t answered_bytes = 0;
  const auto may_go_on = [&] {
    return !over_ && !closing_ && in_flight_ < manners.max_in_flight && received_ < manners.stall_after_queries &&
           offset < counted_;
  };
  while (may_go_on() && answered_bytes < batch_limit) {
    const std::size_t size = dns::read_u16(plaintext_, offset);
    serve_message(dns::Bytes(plaintext_).subspan(offset + 2, size));
    offset += 2 + size;
    if (!batch_.empty()) answered_bytes += batch_.back().message.size();
  }
  const bool more = may_go_on();
  if (over_) return;
  plaintext_.erase(plaintext_.begin(), plaintext_.begin() + static_cast<std::ptrdiff_t>(offset));
  counted_ -= offset;
  if (manners.reverse) std::ranges::reverse(batch_);
  for (const auto& pending : std::exchange(batch_, {})) enqueue(pending);
  flush();
  if (more && !over_) {
    boost::asio::post(socket_.get_executor(),
                      [rest = tracked([this](const ErrorCode&) { serve_messages(); })] { rest(ErrorCode()); });
  }
}

void Session::serve_message(dns::Bytes message) {
  ++received_;
  const auto query = parse_query(message);
  if (!query) {
    state_.count([](Counters& counters) { ++counters.malformed_queries; });
    return close_orderly();
  }
  auto pending = host_.prepare(*query, ssl_ == nullptr ? Transport::tcp : Transport::tls, id_, source_port_);
  touch();
  if (pending.fault.close == QueryFault::Close::reset) return reset();
  if (pending.fault.close == QueryFault::Close::before_answer) {
    // Earlier queries still get their answers.
    for (const auto& earlier : std::exchange(batch_, {})) enqueue(earlier);
    return close_orderly();
  }
  if (pending.fault.drop) return;
  ++in_flight_;
  if (pending.fault.hold || pending.fault.delay.count() > 0) {
    host_.keep(std::move(pending));
  } else {
    batch_.push_back(std::move(pending));
  }
}

void Session::answer(Pending pending) {
  if (over_) return;
  enqueue(pending);
  flush();
  if (!over_) resume();
}

void Session::enqueue(const Pending& pending) {
  if (closing_) return;
  --in_flight_;
  for (int copies = pending.fault.twice ? 2 : 1; copies > 0; --copies) {
    dns::Buffer frame;
    dns::append_u16(frame, static_cast<std::uint16_t>(pending.message.size()));
    dns::append(frame, pending.message);
    out_.push_back(std::move(frame));
  }
  ++answered_;
  touch();
  state_.count([](Counters& counters) { ++counters.answers; });
  const bool was_last = answered_ >= state_.settings()->connections.close_after_answers;
  if (was_last || pending.fault.close == QueryFault::Close::after_answer || (peer_done_ && in_flight_ == 0)) {
    close_orderly();
  }
}

void Session::flush() {
  if (over_ || out_.empty()) return;
  const auto settings = state_.settings();
  const auto& manners = settings->connections;
  auto frames = std::exchange(out_, {});
  if (!manners.record_per_message || ssl_ == nullptr) {
    for (std::size_t i = 1; i < frames.size(); ++i) dns::append(frames[0], frames[i]);
    frames.resize(1);
  }
  for (const auto& frame : frames) {
    const auto step = manners.record_size == 0 ? frame.size() : manners.record_size;
    for (std::size_t offset = 0; offset < frame.size(); offset += step) {
      encrypt(frame.data() + offset, std::min(step, frame.size() - offset));
    }
  }
  pump();
}

void Session::encrypt(const std::uint8_t* bytes, std::size_t size) {
  if (ssl_ == nullptr) {
    wire_.insert(wire_.end(), bytes, bytes + size);
  } else if (!failed_) {
    if (SSL_write(ssl_.get(), bytes, static_cast<int>(size)) <= 0) failed_ = true;
    collect_ciphertext();
  }
}

void Session::collect_ciphertext() {
  char* data = nullptr;
  auto* bio = SSL_get_wbio(ssl_.get());
  const auto size = BIO_get_mem_data(bio, &data);
  wire_.insert(wire_.end(), data, data + size);
  static_cast<void>(BIO_reset(bio));
}

void Session::pump() {
  if (over_ || writing_ || finished_) return;
  if (sent_ == wire_.size()) {
    wire_.clear();
    sent_ = 0;
    if (closing_) finish_close();
    return;
  }
  const auto settings = state_.settings();
  const auto segment = settings->connections.segment_size;
  const auto left = wire_.size() - sent_;
  const auto size = segment == 0 ? left : std::min(segment, left);
  writing_ = true;
  // wire_ may grow and move during the write, so that the bytes are copied.
  const auto first = wire_.begin() + static_cast<std::ptrdiff_t>(sent_);
  auto bytes = std::make_unique<dns::Buffer>(first, first + static_cast<std::ptrdiff_t>(size));
  sent_ += size;
  const auto buffer = boost::asio::buffer(*bytes);
  boost::asio::async_write(
      socket_, buffer,
      tracked([this, bytes = std::move(bytes)](const ErrorCode& error, std::size_t) { on_written(error); }));
}

void Session::on_written(const ErrorCode& error) {
  if (error) return end();
  writing_ = false;
  pump();
}

void Session::close_orderly() {
  if (over_ || closing_) return;
  flush();
  closing_ = true;
  if (ssl_ != nullptr && shaken_ && !failed_ && state_.settings()->connections.send_close_notify) {
    SSL_shutdown(ssl_.get());
    collect_ciphertext();
  }
  pump();
}

void Session::finish_close() {
  finished_ = true;
  ErrorCode ignored;  // the client may have closed first
  socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  // A close of a socket with unread bytes would send an RST, which destroys answers on their way. So the client closes
  // first.
  linger_timer_.expires_after(linger_limit);
  linger_timer_.async_wait(tracked([this](const ErrorCode& error) {
    if (!error) end();
  }));
  peer_done_ = false;
  read();
}

void Session::reset() {
  if (over_) return;
  ErrorCode ignored;  // a socket that is gone needs no RST
  socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  end();
}

void Session::touch() {
  const auto idle = state_.settings()->connections.idle_timeout;
  if (idle.count() == 0) {
    idle_timer_.cancel();
    return;
  }
  idle_timer_.expires_after(idle);
  idle_timer_.async_wait(tracked([this](const ErrorCode& error) {
    if (error) return;
    if (in_flight_ > 0) return touch();
    close_orderly();
  }));
}

void Session::end() {
  if (over_) return;
  over_ = true;
  ErrorCode ignored;  // the error has no further consequence
  socket_.close(ignored);
  idle_timer_.cancel();
  linger_timer_.cancel();
  state_.count([](Counters& counters) { --counters.open_connections; });
  // If handlers are outstanding, the last of them lets the server destroy the session.
  if (operations_ == 0) {
    boost::asio::post(socket_.get_executor(), [&host = host_, id = id_] { host.reap(id); });
  }
}

}  // namespace pillion::test
