// The output of a session: the answers that its client has not read, and the next ones.

#include "server/tcp_session.hpp"

namespace pillion::server {
using boost::system::error_code;

bool TcpSession::is_its_turn() const {
  // A client with small answers does not wait for clients with large ones.
  const bool is_modest = out_.size() + out_.last_size() < TurnWork::modest_output;
  return out_.size() < limits_.pause_at && (is_modest || turns_.work().may_compose(loop_.turn()));
}

bool TcpSession::can_take() {
  return closed_ || (is_its_turn() && memory_.make_room(runtime::MemoryUse::output, resolve::room_for_answer, *this));
}

/// True if a kept answer, whose bytes are already counted, may be delivered. One is always delivered to a client that
/// reads, so that kept answers cannot block each other.
bool TcpSession::can_deliver() {
  return closed_ || (is_its_turn() && out_.empty()) || can_take();
}

bool TcpSession::can_hold(std::size_t size) {
  return closed_ || (out_.size() + size <= limits_.max_queued_output &&
                     memory_.make_room(runtime::MemoryUse::output, size, *this));
}

void TcpSession::wait_to_take(ClientQuery& query) {
  // An answer that many queries wait for is handed to all of them in a row.
  query.kept_size = to_take_.empty() || query.kept.get() != last_kept_ ? query.kept->size() : 0;
  kept_ += query.kept_size;
  last_kept_ = query.kept.get();
  tell_held(runtime::MemoryUse::output);
  to_take_.push_back(query);
  loop_.schedule(*this);
}

void TcpSession::deliver_first() {
  auto& query = static_cast<ClientQuery&>(*to_take_.pop_front());
  kept_ -= query.kept_size;
  tell_held(runtime::MemoryUse::output);
  handler_.deliver(query);
}

dns::Buffer* TcpSession::begin_answer(ClientQuery& /*query*/) {
  if (closed_ || lingering_) return nullptr;
  return &out_.begin_answer(limits_.pause_at);
}

void TcpSession::end_answer(ClientQuery& /*query*/, std::size_t message_start) {
  out_.end_answer(message_start);
  turns_.work().note_output(loop_.turn(), out_.size() - message_start);
  account_for_output();
  loop_.schedule(*this);
}

void TcpSession::account_for_output() {
  output_.set_anyway(beyond_small(out_.size()) + out_.held_by_kernel());
  if (has_unread_output()) tell_held(runtime::MemoryUse::output);
}

/// Output counts only while the client does not read.
void TcpSession::tell_held(runtime::MemoryUse use) {
  if (client() == nullptr) return;
  const auto output = has_unread_output() ? output_.bytes() + kept_ : 0;
  memory_.set_held(*this, client()->memory, use, use == runtime::MemoryUse::input ? input_.bytes() : output);
}

void TcpSession::abandon_answer(ClientQuery& /*query*/) {
  // The buffer ends in the middle of a message.
  close();
}

void TcpSession::forget(ClientQuery& /*query*/) {
  --in_flight_;
  if (closed_) return end_if_unused();
  // The end of the turn decides whether to read on, and whether the client is done.
  loop_.schedule(*this);
}

runtime::Time TcpSession::held_since(runtime::MemoryUse use) const {
  return use == runtime::MemoryUse::input ? std::max(partial_since_, last_write_) : last_write_;
}

void TcpSession::flush() {
  loop_.contain("TCP client", [this] { end_turn(); }, [this] { close(); });
}

void TcpSession::end_turn() {
  if (closed_) return;
  if (!waiting_to_write_) write();
  if (closed_) return;
  if (out_.size() + kept_ > limits_.max_queued_output) return drop(Refusal::output_limit);
  if (!to_take_.empty() || has_message()) {
    // Other answers of this turn leave before this session goes on.
    turns_.wait(*this);
  } else {
    resume();
  }
  close_if_done();
}

void TcpSession::go_on() {
  loop_.contain(
      "TCP client",
      [this] {
        if (!waiting_to_write_ && !out_.empty()) write();
        resume();
        close_if_done();
      },
      [this] { close(); });
}

/// Writes what the kernel takes. If the client does not take it, the rest waits until it does.
void TcpSession::write() {
  const bool has_output = !out_.empty();
  const auto outcome = out_.write(socket_.native_handle());
  if (outcome == TcpOutput::Outcome::failed) return close();
  if (has_output) last_write_ = loop_.clock().now();
  if (outcome == TcpOutput::Outcome::waiting) return wait_writable();
  output_.set_anyway(out_.held_by_kernel());
  tell_held(runtime::MemoryUse::output);
  if (out_.may_be_unacknowledged()) watch(last_write_ + acknowledged_within);
}

void TcpSession::count_unacknowledged() {
  if (out_.count_unacknowledged(socket_.native_handle())) last_write_ = loop_.clock().now();
  output_.set_anyway(beyond_small(out_.size()) + out_.held_by_kernel());
  tell_held(runtime::MemoryUse::output);
}

void TcpSession::wait_writable() {
  socket_.async_wait(ClientSocket::wait_write, [this](const error_code& error) {
    loop_.contain("TCP client", [&] { writable(error); }, [this] { close(); });
  });
  waiting_to_write_ = true;
  last_write_ = loop_.clock().now();
  watch(last_write_ + limits_.write_timeout);
  account_for_output();
}

void TcpSession::writable(const error_code& error) {
  waiting_to_write_ = false;
  out_.note_writable();
  if (closed_ || error) return end_if_unused();
  last_write_ = loop_.clock().refresh();
  // The rest of a large answer does not delay what others get in this turn.
  if (out_.size() >= TurnWork::modest_output) return turns_.wait(*this);
  end_turn();
}

bool TcpSession::client_has_read() {
  const bool has_read = out_.has_taken_some(socket_.native_handle());
  account_for_output();
  return has_read;
}

}  // namespace pillion::server
