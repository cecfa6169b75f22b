#include "upstream/datagram_connection.hpp"

#include <algorithm>
#include <utility>

namespace pillion::upstream {

void DatagramConnection::opened() {
  state_ = ConnectionState::ready;
  opened_at_ = now();
  pipeline_.begin(opened_at_);
  events_.ready(*this, Handshake{});
  if (is_open(state_)) watch(opened_at_);
}

void DatagramConnection::arrived(dns::Bytes datagram, bool is_cut) {
  const auto received = pipeline_.receive(datagram, now(), is_cut);
  if (!received) return stray(received.error());
  tell_received(datagram, received->message);
  note_heard();
  if (received->is_of_probe) {
    events_.answered_probe(*this);
  } else {
    events_.received(*this, received->message);
  }
  finish_if_drained();
}

/// Counts the datagram and ignores it, unless there are so many that somebody may be trying to forge an answer.
void DatagramConnection::stray(Error error) {
  events_.ignored(*this, error);
  if (pipeline_.waited_for() == 0 || ++strays_ < strays_to_leave) return;
  // The waiting queries are to be asked elsewhere, although the server is not at fault.
  strays_ = 0;
  begin_retiring();
  while (auto* const query = pipeline_.take_oldest()) {
    events_.received(*this, {.query = query, .reply = std::unexpected(Error::mismatched_reply)});
    if (has_ended(state_)) return;
  }
  finish_if_drained();
}

void DatagramConnection::too_large(std::uint16_t id) {
  if (auto* const query = pipeline_.take_back(id)) events_.unsendable(*this, *query);
  finish_if_drained();
}

void DatagramConnection::submit(Query& query, runtime::Time now) {
  PipelinedConnection::submit(query, now);
  if (++sent_ >= limits_.queries_per_port || now - opened_at_ >= limits_.port_lifetime) begin_retiring();
}

void DatagramConnection::prove(runtime::Time now) {
  state_ = ConnectionState::proving;
  static_cast<void>(pipeline_.prove(now, profile_.known_question().query()));
  send(pipeline_.probe());
  watch(now);
}

void DatagramConnection::send(const Query& query) {
  encode(query, datagrams_->out());
  datagrams_->end_message();
}

void DatagramConnection::abandon(Query& query) {
  pipeline_.abandon(query);
  finish_if_drained();
}

void DatagramConnection::expired(runtime::Time now) {
  if (state_ == ConnectionState::proving && pipeline_.is_probing()) send(pipeline_.probe());
  watch(now);
}

/// Sets the connection's timer to the next time at which something may have to be done.
void DatagramConnection::watch(runtime::Time now) {
  if (!look_at_silence(now)) return;
  auto next = look_at(now);
  if (!next) {
    // An idle port is closed in time, so that the next query does not come from an old one.
    const auto leave_at = opened_at_ + limits_.port_lifetime;
    return now < leave_at ? schedule_.set_deadline(*this, leave_at) : finish(std::nullopt, {});
  }
  if (state_ == ConnectionState::proving) next = std::min<runtime::Time>(*next, now + prove_again_after);
  schedule_.set_deadline(*this, *next);
}

void DatagramConnection::retire() {
  if (has_ended(state_)) return;
  if (is_opening(state_)) return close();
  state_ = ConnectionState::draining;
  finish_if_drained();
}

void DatagramConnection::finish_if_drained() {
  if (state_ == ConnectionState::draining && pipeline_.waited_for() == 0) finish(std::nullopt, {});
}

void DatagramConnection::failed(Error error, std::string detail) {
  ended_by_server_ = true;
  finish(error, std::move(detail));
}

void DatagramConnection::finish(std::optional<Error> error, std::string detail) {
  if (has_ended(state_)) return;
  state_ = ConnectionState::closed;
  schedule_.clear_deadline(*this);
  datagrams_->close();
  events_.closed(*this, error, std::move(detail), pipeline_.close());
}

}  // namespace pillion::upstream
