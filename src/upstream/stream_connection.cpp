#include "upstream/stream_connection.hpp"

#include <algorithm>
#include <utility>

#include "dns/edns.hpp"
#include "dns/framing.hpp"

namespace pillion::upstream {

void StreamConnection::start() {
  schedule_.set_deadline(*this, now() + limits_.connect_timeout);
  stream_->open();
}

void StreamConnection::connected() {
  state_ = ConnectionState::handshaking;
}

void StreamConnection::opened(const Handshake& handshake) {
  state_ = ConnectionState::ready;
  schedule_.clear_deadline(*this);
  pipeline_.begin(now());
  events_.ready(*this, handshake);
  if (is_open(state_)) watch(now());
}

std::size_t StreamConnection::arrived(dns::Bytes bytes) {
  dns::Frames frames(bytes);
  while (const auto message = frames.next()) {
    if (!handle(*message)) return bytes.size();
  }
  if (state_ == ConnectionState::draining && pipeline_.waited_for() == 0) finish_orderly();
  return bytes.size() - frames.rest().size();
}

/// False if the connection has ended.
bool StreamConnection::handle(dns::Bytes message) {
  const auto received = pipeline_.receive(message, now());
  if (!received) {
    // An unexpected reply is ignored. A message that is shorter than a header shows that the stream is not DNS.
    if (received.error() != Error::mismatched_reply) {
      finish(received.error(), "the server broke the protocol");
      return false;
    }
    events_.ignored(*this, received.error());
    stray_bytes_ += message.size();
    if (++strays_ == strays_to_retire) begin_retiring();
    if (strays_ > strays_to_retire && stray_bytes_ >= stray_bytes_to_end)
      finish(Error::mismatched_reply, "the server sends replies that answer no query");
    return is_open(state_);
  }
  strays_ = 0;
  stray_bytes_ = 0;
  tell_received(message, received->message);
  note_heard();
  if (received->message.reply && now() - received->message.reply->latency >= last_record_at_ &&
      ++answered_of_last_record_ == 2)
    profile_.reads_whole_records(now());
  if (received->was_left_lying) events_.needs_single_records(*this);
  const bool drains = received->message.reply && asks_to_close(*received->message.reply);
  if (received->is_of_probe) {
    events_.answered_probe(*this);
  } else {
    events_.received(*this, received->message);
  }
  if (drains) retire();
  return is_open(state_);
}

/// Learns after how long without a query the server may close (RFC 7828 section 3.4). True if the server asks us to
/// close as soon as possible, by a time of zero.
bool StreamConnection::asks_to_close(const Reply& reply) {
  if (!reply.message || !reply.message->opt()) return false;
  const auto timeout = dns::keepalive_timeout(dns::read_edns(*reply.message).options);
  if (!timeout) return false;
  if (*timeout == 0) return true;
  // A little earlier than the server, so that no query crosses its close.
  server_timeout_ = std::chrono::milliseconds(*timeout * 100) * 9 / 10;
  return false;
}

void StreamConnection::send(const Query& query) {
  if (stream_->out().empty()) {
    last_record_at_ = now();
    answered_of_last_record_ = 0;
  }
  encode(query, stream_->out());
  stream_->flush_soon();
}

void StreamConnection::prove(runtime::Time now) {
  state_ = ConnectionState::proving;
  if (const auto* const probe = pipeline_.prove(now, profile_.known_question().query())) send(*probe);
  watch(now);
}

void StreamConnection::abandon(Query& query) {
  pipeline_.abandon(query);
  if (pipeline_.holds_id_too_long(now(), limits_.id_lifetime)) begin_retiring();
  if (state_ == ConnectionState::draining && pipeline_.waited_for() == 0) finish_orderly();
}

void StreamConnection::expired(runtime::Time now) {
  schedule_.contain(
      "upstream connection", [&] { act_on(now); }, [this] { finish(Error::no_resources, "internal error"); });
}

void StreamConnection::act_on(runtime::Time now) {
  switch (state_) {
    case ConnectionState::connecting:
      return finish(Error::connect_timeout, "no answer to the TCP handshake");
    case ConnectionState::handshaking:
      return finish(Error::handshake_timeout, "no answer to the TLS handshake");
    case ConnectionState::closing:
      return stream_->close();
    case ConnectionState::closed:
      return;
    default:
      return watch(now);
  }
}

/// Sets the connection's timer to the next time at which something may have to be done.
void StreamConnection::watch(runtime::Time now) {
  if (!look_at_silence(now)) return;
  if (const auto next = look_at(now)) return schedule_.set_deadline(*this, *next);
  const auto idle = idle_timeout();
  if (!idle) return;
  if (now - pipeline_.last_heard() >= *idle) return finish_orderly();
  schedule_.set_deadline(*this, pipeline_.last_heard() + *idle);
}

/// The time that the server stated, or else the one that was observed; nullopt if none is known.
std::optional<runtime::Duration> StreamConnection::idle_timeout() const {
  return server_timeout_ ? server_timeout_ : profile_.idle_timeout();
}

void StreamConnection::retire() {
  if (is_opening(state_)) return close();
  if (!is_open(state_)) return;
  state_ = ConnectionState::draining;
  if (pipeline_.waited_for() == 0) finish_orderly();
}

void StreamConnection::close() {
  finish(std::nullopt, {});
}

void StreamConnection::ended(std::optional<Error> error, std::string detail) {
  ended_by_server_ = true;
  if (error || is_opening(state_)) return finish(error.value_or(Error::closed), std::move(detail));
  const auto since_heard = now() - pipeline_.last_heard();
  profile_.closed_after(pipeline_.answered(), since_heard);
  if (pipeline_.in_flight() == 0) profile_.closed_idle(since_heard);
  finish_orderly();
}

/// Ends with a TLS close_notify or a TCP FIN, within close_timeout.
void StreamConnection::finish_orderly() {
  state_ = ConnectionState::closing;
  schedule_.set_deadline(*this, now() + limits_.close_timeout);
  stream_->shut_down();
  events_.closed(*this, std::nullopt, {}, pipeline_.close());
}

void StreamConnection::finish(std::optional<Error> error, std::string detail) {
  if (state_ == ConnectionState::closed) return;
  const bool is_told = state_ == ConnectionState::closing;
  state_ = ConnectionState::closed;
  schedule_.clear_deadline(*this);
  stream_->close();
  if (!is_told) events_.closed(*this, error, std::move(detail), pipeline_.close());
}

void StreamConnection::released() {
  state_ = ConnectionState::closed;
  events_.gone(*this);
}

}  // namespace pillion::upstream
