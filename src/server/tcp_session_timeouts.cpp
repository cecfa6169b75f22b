// When a session ends because nothing happens: its client is idle, or slow, or gone.

#include <algorithm>

#include "server/tcp_session.hpp"

namespace pillion::server {

/// When this session times out if nothing more happens, and whether that is the client's fault.
std::pair<runtime::Time, bool> TcpSession::next_timeout() const {
  if (has_unread_output()) return {last_write_ + limits_.write_timeout, true};
  // A complete message waits for its turn or for memory, and not for the client.
  const bool is_held_up = has_message();
  if (!partial_.empty() && !is_held_up && in_flight_ == 0) return {partial_since_ + limits_.message_timeout, true};
  // A client that waits for an answer is not idle, and neither is one whose answer leaves at the end of this turn.
  const bool busy = in_flight_ > 0 || !out_.empty() || is_held_up;
  const auto idle_since = busy ? loop_.clock().now() : std::max(last_read_, last_write_);
  return {idle_since + handler_.settings().idle_timeout, false};
}

void TcpSession::watch(runtime::Time at_the_latest) {
  // Most deadlines only move back. They are checked when the set one expires, so that a query needs no heap operation.
  if (!is_set() || at() > at_the_latest) loop_.set_deadline(*this, at_the_latest);
}

void TcpSession::shorten_timeout() {
  if (!closed_ && !lingering_) watch(next_timeout().first);
}

void TcpSession::expired(runtime::Time now) {
  if (lingering_) return look_whether_acknowledged(now);
  if (!waiting_to_write_ && out_.may_be_unacknowledged()) count_unacknowledged();
  if (waiting_to_write_ && now >= next_timeout().first && client_has_read()) last_write_ = now;
  const auto [due, slow] = next_timeout();
  if (now < due) {
    const bool is_unacknowledged = !waiting_to_write_ && has_unread_output();
    const auto next = is_unacknowledged ? std::min<runtime::Time>(due, now + acknowledged_within) : due;
    return static_cast<void>(loop_.contain("TCP client", [&] { watch(next); }, [this] { close(); }));
  }
  if (slow) return drop(Refusal::slow_client);
  handler_.metrics().idle_closes.add();
  close();
}

std::optional<runtime::Time> TcpSession::idle_since() const {
  if (in_flight_ > 0 || !out_.empty()) return std::nullopt;
  return std::max(last_read_, last_write_);
}

/// True if the client's kernel should have acknowledged what was written, and has not.
bool TcpSession::is_client_gone() {
  return loop_.clock().now() - last_write_ >= acknowledged_within && out_.is_unacknowledged(socket_.native_handle());
}

}  // namespace pillion::server
