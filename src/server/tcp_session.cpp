#include "server/tcp_session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "dns/framing.hpp"

namespace pillion::server {
namespace asio = boost::asio;
using boost::system::error_code;

TcpSession::TcpSession(runtime::Loop& loop, ClientSocket socket, const ClientAddress& address, std::uint16_t port,
                       IpFamily family, const SessionTools& tools, SessionOwner& owner)
    : MemoryHolder(tools.memory),
      loop_(loop),
      socket_(std::move(socket)),
      handler_(tools.handler),
      turns_(tools.turns),
      limits_(tools.limits),
      owner_(owner),
      address_(address),
      port_(port),
      is_local_(is_loopback(address)),
      family_(family),
      own_(memory_.connections()),
      input_(memory_.input()),
      output_(memory_.output()) {
  own_.set_anyway(cost);
}

void TcpSession::start() {
  last_read_ = last_write_ = loop_.clock().now();
  watch(last_read_ + handler_.settings().idle_timeout);
  wait_readable();
}

void TcpSession::wait_readable() {
  socket_.async_wait(ClientSocket::wait_read, [this](const error_code& error) {
    loop_.contain("TCP client", [&] { readable(error); }, [this] { close(); });
  });
  reading_ = true;
}

bool TcpSession::may_handle_more() const {
  return in_flight_ < handler_.settings().max_in_flight_per_connection &&
         handler_.admission().table().may_go_on(*this, in_flight_);
}

bool TcpSession::may_read() const {
  return !closed_ && !input_ended_ && !finishing_ && !lingering_ && may_handle_more() &&
         out_.size() < limits_.pause_at && to_take_.empty();
}

/// The number of bytes that may be read, all of which may have to be kept.
std::size_t TcpSession::readable_size() {
  const auto needed = dns::Frames(partial_).needed();
  const auto wanted = needed > max_read ? needed - std::min(needed, partial_.size()) : max_read;
  const auto all = finishing_ ? owner_.read_buffer().size() - partial_.size() : wanted;
  if (memory_.input().room() >= all) return all;
  const auto may_keep = small_buffer + input_.bytes();
  return may_keep > partial_.size() ? std::min(may_keep - partial_.size(), all) : 0;
}

/// Waits for more input if there is memory for the message that it belongs to, and no complete message waits already.
void TcpSession::read_on() {
  if (reading_ || ClientMemory::is_waiting(*this) || has_message()) return;
  if (readable_size() == 0) {
    const auto needed = dns::Frames(partial_).needed();
    const auto missing = needed - small_buffer - input_.bytes();
    if (!memory_.make_room(runtime::MemoryUse::input, missing, *this)) return memory_.wait_for_input(*this);
    input_.set_anyway(needed - small_buffer);
    partial_.reserve(needed);
    tell_held(runtime::MemoryUse::input);
  }
  wait_readable();
}

void TcpSession::room_for_input() {
  partial_since_ = loop_.clock().now();  // the session waited for memory, not for its client
  loop_.schedule(*this);
}

void TcpSession::readable(const error_code& error) {
  reading_ = false;
  if (closed_ || error) return end_if_unused();
  turns_.work().note_session(loop_.turn(), loop_.clock().refresh());
  if (lingering_) return discard_input();
  if (!finishing_) receive();
  if (may_read()) read_on();
}

/// Reads once and handles the result.
void TcpSession::receive() {
  const auto readable = readable_size();
  if (readable == 0) return;
  const auto space = owner_.read_buffer();
  // The parts of a long message are put together where they stay, so that none is copied twice.
  const bool is_long = dns::Frames(partial_).needed() > max_read;
  const auto kept = is_long ? 0 : partial_.size();
  if (!is_long) std::ranges::copy(partial_, space.begin());
  const auto size = ::recv(socket_.native_handle(), space.data() + kept, readable, MSG_DONTWAIT);
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return close();
  }
  if (size == 0) {
    input_ended_ = true;
    keep({});  // a message that will never be complete
    return close_if_done();
  }
  last_read_ = loop_.clock().now();
  handler_.admission().note_activity(*this);
  if (partial_.empty()) partial_since_ = last_read_;
  const auto received = space.first(kept + static_cast<std::size_t>(size));
  if (!is_long) {
    const bool must_wait =
        is_new() && received.size() <= TurnWork::modest_input && !turns_.work().may_serve_new(loop_.turn());
    if (!must_wait) return static_cast<void>(handle_messages(received));
    keep_rest(received);
    return turns_.wait_as_new(*this);
  }
  partial_.insert(partial_.end(), received.begin(), received.end());
  if (has_message()) return static_cast<void>(handle_messages(std::exchange(partial_, {})));
  if (const auto held = beyond_small(partial_.size()); held > input_.bytes()) {
    input_.set_anyway(held);
    tell_held(runtime::MemoryUse::input);
  }
}

/// Handles the complete messages in `bytes` as far as the limits allow, and keeps the rest. False if the session was
/// closed.
bool TcpSession::handle_messages(dns::Bytes bytes) {
  dns::Frames frames(bytes);
  bool is_held_up = false;
  bool is_turn_over = false;
  handling_ = true;
  for (unsigned handled = 0; may_handle_more(); ++handled) {
    const bool is_modest = handled < TurnWork::modest_queries && in_flight_ < TurnWork::modest_queries &&
                           bytes.size() <= TurnWork::modest_input;
    is_turn_over = !is_modest && !turns_.work().may_handle(loop_.turn());
    is_held_up = !is_turn_over && !can_take();
    if (is_turn_over || is_held_up) break;
    const auto message = frames.next();
    if (!message) break;
    // The session does not read while complete messages wait, so the time of the next message begins here.
    partial_since_ = loop_.clock().now();
    const auto in_flight_before = in_flight_++;
    const Sender sender{.transport = Transport::tcp,
                        .family = family_,
                        .address = address_,
                        .port = port_,
                        .is_local = is_local_,
                        .connection = this};
    const auto outcome = handler_.handle(*message, sender, *this);
    if (outcome != QueryHandler::Outcome::accepted) {
      handling_ = false;
      end_after(outcome);
      return false;
    }
    if (closed_) break;
    if (in_flight_ > in_flight_before) {
      turns_.work().note_upstream_query(loop_.turn(), loop_.clock().refresh());
    } else {
      turns_.work().note_answered_query(loop_.turn());
    }
  }
  handling_ = false;
  if (closed_) return false;
  keep_rest(frames.rest());
  // If other clients' answers take the room, they leave at the end of the turn.
  if (!partial_.empty() && (is_turn_over || (is_held_up && !waiting_to_write_))) turns_.wait(*this);
  return true;
}

/// Keeps what was read and not handled. A message that is not complete must become so in time.
void TcpSession::keep_rest(dns::Bytes rest) {
  keep(rest);
  if (!partial_.empty()) watch(partial_since_ + limits_.message_timeout);
}

/// Ends the session after a message that was not accepted.
void TcpSession::end_after(QueryHandler::Outcome outcome) {
  --in_flight_;
  if (closed_) return end_if_unused();
  // Answers to earlier messages are still sent.
  if (outcome == QueryHandler::Outcome::invalid) {
    write();
    // A client that acknowledges them late keeps its place until then.
    if (!closed_ && !waiting_to_write_ && out_.is_unacknowledged(socket_.native_handle())) return linger();
  }
  close();
}

/// Keeps what was read and not handled, and reserves memory for the message that it begins, if there is some.
void TcpSession::keep(dns::Bytes rest) {
  // Makes a new buffer each time, so that an idle session, which has no rest, holds no memory.
  partial_ = dns::Buffer(rest.begin(), rest.end());
  const auto had = input_.bytes();
  input_.set_anyway(beyond_small(partial_.size()));
  if (const auto needed = dns::Frames(partial_).needed();
      beyond_small(needed) > input_.bytes() && input_.set(beyond_small(needed)))
    partial_.reserve(needed);
  if (input_.bytes() != had) tell_held(runtime::MemoryUse::input);
  if (input_.bytes() < had) memory_.input_given_back();
}

/// Continues where a limit stopped: first with waiting answers, then with messages that were already read, then with
/// reading.
void TcpSession::resume() {
  if (handling_ || closed_) return;
  while (!to_take_.empty() && can_deliver()) deliver_first();
  // While it waits for input, it has no complete message. A session that finishes has read once more in the meantime.
  const bool is_waiting = reading_ && !finishing_;
  const bool has_messages = !is_waiting && !partial_.empty() && may_handle_more();
  if (!to_take_.empty() || (has_messages && !can_take())) {
    if (!waiting_to_write_) turns_.wait(*this);
    return;
  }
  if (is_waiting || closed_) return;
  if (has_messages) {
    const auto waiting = std::exchange(partial_, {});
    if (!handle_messages(waiting)) return;
  }
  if (may_read()) read_on();
}

/// The client was banned. Answers that it already has in its buffer are still sent.
void TcpSession::cut_off() {
  if (!waiting_to_write_) write();
  drop(Refusal::banned);
}

void TcpSession::drop(Refusal refusal) {
  handler_.count_refusal(refusal);
  close();
}

void TcpSession::close() {
  if (closed_) return;
  closed_ = true;
  // Before the table may forget the client.
  memory_.give_up(*this);
  handler_.admission().remove_connection(*this);
  place_.reset();
  loop_.clear_deadline(*this);
  loop_.unschedule(*this);
  stop_waiting_for_turn();
  error_code ignored;
  // Otherwise the kernel would hold the answers for minutes, and nobody would count them.
  if (!finishing_ && (waiting_to_write_ || is_client_gone()))
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
  out_.discard();
  output_.set_anyway(0);
  keep({});
  // No client takes them any more.
  while (!to_take_.empty()) deliver_first();
  end_if_unused();
}

void TcpSession::end_if_unused() {
  if (!closed_ || is_over_ || reading_ || waiting_to_write_ || in_flight_ > 0) return;
  is_over_ = true;
  // Callers further up the stack may still use this session.
  asio::post(loop_.io(), [this] { owner_.ended(*this); });
}

}  // namespace pillion::server
