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

TcpSession::TcpSession(runtime::Loop& loop, TcpSocket socket, const ClientAddress& address, IpFamily family,
                       QueryHandler& handler, const SessionLimits& limits, SessionOwner& owner)
    : loop_(loop),
      socket_(std::move(socket)),
      handler_(handler),
      limits_(limits),
      owner_(owner),
      address_(address),
      is_local_(is_loopback(address)),
      family_(family) {}

void TcpSession::start() {
  last_read_ = loop_.clock().now();
  watch(last_read_ + handler_.settings().idle_timeout);
  wait_readable();
}

void TcpSession::wait_readable() {
  socket_.async_wait(TcpSocket::wait_read, [this](const error_code& error) {
    loop_.contain("TCP client", [&] { readable(error); }, [this] { close(); });
  });
  reading_ = true;
}

bool TcpSession::may_read() const {
  return !closed_ && !input_ended_ && in_flight_ < handler_.settings().max_in_flight_per_connection &&
         out_.size() - written_ < limits_.pause_reading_at;
}

void TcpSession::readable(const error_code& error) {
  reading_ = false;
  if (closed_ || error) return end_if_unused();
  const auto now = loop_.clock().refresh();
  const auto space = owner_.read_buffer();
  std::ranges::copy(partial_, space.begin());
  const auto kept = partial_.size();
  const auto size = ::recv(socket_.native_handle(), space.data() + kept, space.size() - kept, MSG_DONTWAIT);
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return wait_readable();
    return close();
  }
  if (size == 0) {
    input_ended_ = true;
    partial_.clear();  // a message that will never be whole
    return close_if_done();
  }
  last_read_ = now;
  if (partial_.empty()) partial_since_ = now;
  if (!handle_messages(space.first(kept + static_cast<std::size_t>(size)))) return;
  if (may_read()) wait_readable();
}

/// Handles every whole message in `bytes` while the limits allow, and keeps the rest. False when the session has been
/// closed.
bool TcpSession::handle_messages(dns::Bytes bytes) {
  handling_ = true;
  dns::Frames frames(bytes);
  while (in_flight_ < handler_.settings().max_in_flight_per_connection) {
    const auto message = frames.next();
    if (!message) break;
    partial_since_ = last_read_;
    ++in_flight_;
    const Sender sender{.transport = Transport::tcp, .family = family_, .address = address_, .is_local = is_local_};
    const auto outcome = handler_.handle(*message, sender, *this);
    if (outcome == QueryHandler::Outcome::failed) {
      --in_flight_;
      handling_ = false;
      closed_ ? end_if_unused() : close();
      return false;
    }
    if (outcome == QueryHandler::Outcome::invalid) {
      --in_flight_;
      handling_ = false;
      // What was answered before the bad message still leaves; then the client is cut off.
      write();
      close();
      return false;
    }
    if (closed_) return handling_ = false;
  }
  handling_ = false;
  const auto rest = frames.rest();
  // A new buffer each time: an idle session, which has no rest, then holds no memory.
  partial_ = dns::Buffer(rest.begin(), rest.end());
  if (!partial_.empty()) watch(partial_since_ + limits_.message_timeout);
  return true;
}

/// Goes on where a limit had stopped: first with messages that were read already, then with reading.
void TcpSession::resume() {
  if (handling_ || reading_ || closed_) return;
  if (!partial_.empty() && in_flight_ < handler_.settings().max_in_flight_per_connection) {
    const auto waiting = std::exchange(partial_, {});
    if (!handle_messages(waiting)) return;
  }
  if (may_read()) wait_readable();
}

dns::Buffer* TcpSession::begin_answer(ClientQuery& /*query*/) {
  if (closed_) return nullptr;
  static_cast<void>(dns::begin_frame(out_));
  return &out_;
}

void TcpSession::end_answer(ClientQuery& /*query*/, std::size_t message_start) {
  dns::end_frame(out_, message_start);
  loop_.schedule(*this);
}

void TcpSession::abandon_answer(ClientQuery& /*query*/) {
  // What lies in the buffer ends in the middle of a message.
  close();
}

void TcpSession::forget(ClientQuery& /*query*/) {
  --in_flight_;
  if (closed_) return end_if_unused();
  // The end of the turn decides whether to go on reading, and whether the client is done.
  loop_.schedule(*this);
}

void TcpSession::flush() {
  loop_.contain("TCP client", [this] { end_turn(); }, [this] { close(); });
}

void TcpSession::end_turn() {
  if (closed_) return;
  if (!waiting_to_write_) write();
  if (closed_) return;
  if (out_.size() - written_ > limits_.max_queued_output) return drop(Refusal::output_limit);
  resume();
  close_if_done();
}

/// Gives the kernel what it takes; the rest waits for writability.
void TcpSession::write() {
  while (written_ < out_.size()) {
    const auto size =
        ::send(socket_.native_handle(), out_.data() + written_, out_.size() - written_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return wait_writable();
      return close();
    }
    written_ += static_cast<std::size_t>(size);
    last_write_ = loop_.clock().now();
  }
  out_.clear();
  written_ = 0;
  constexpr std::size_t kept_capacity = 4096;
  if (out_.capacity() > kept_capacity && in_flight_ == 0) dns::Buffer().swap(out_);
}

void TcpSession::wait_writable() {
  // The part that has left would otherwise pile up before the part that has not.
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(written_));
  if (written_ > 0 || !waiting_to_write_) last_write_ = loop_.clock().now();
  written_ = 0;
  if (waiting_to_write_) return;
  watch(last_write_ + limits_.write_timeout);
  socket_.async_wait(TcpSocket::wait_write, [this](const error_code& error) {
    waiting_to_write_ = false;
    if (closed_ || error) return end_if_unused();
    loop_.clock().refresh();
    flush();
  });
  waiting_to_write_ = true;
}

/// When this session would time out if nothing more happened, and whether that is the client's fault.
std::pair<runtime::Time, bool> TcpSession::next_timeout() const {
  if (waiting_to_write_) return {last_write_ + limits_.write_timeout, true};
  if (!partial_.empty() && in_flight_ == 0) return {partial_since_ + limits_.message_timeout, true};
  // A client that waits for an answer is not idle, nor is one whose answer leaves at the end of this turn.
  const bool busy = in_flight_ > 0 || !out_.empty();
  const auto idle_since = busy ? loop_.clock().now() : std::max(last_read_, last_write_);
  return {idle_since + handler_.settings().idle_timeout, false};
}

void TcpSession::watch(runtime::Time at_the_latest) {
  // Most deadlines only move back; they are looked at when the one that is set comes, so that a query costs no heap
  // operation.
  if (!is_set() || at() > at_the_latest) loop_.set_deadline(*this, at_the_latest);
}

void TcpSession::expired(runtime::Time now) {
  const auto [due, slow] = next_timeout();
  if (now < due) return static_cast<void>(loop_.contain("TCP client", [&] { watch(due); }, [this] { close(); }));
  if (slow) return drop(Refusal::slow_client);
  handler_.metrics().idle_closes.add();
  close();
}

void TcpSession::drop(Refusal refusal) {
  handler_.count_refusal(refusal);
  close();
}

void TcpSession::close_if_done() {
  if (input_ended_ && !closed_ && is_quiet()) close();
}

void TcpSession::close() {
  if (closed_) return;
  closed_ = true;
  loop_.clear_deadline(*this);
  loop_.unschedule(*this);
  error_code ignored;
  socket_.close(ignored);
  dns::Buffer().swap(out_);
  dns::Buffer().swap(partial_);
  end_if_unused();
}

void TcpSession::end_if_unused() {
  if (!closed_ || reading_ || waiting_to_write_ || in_flight_ > 0) return;
  // Callers up the stack may still look at this session.
  asio::post(loop_.io(), [this] { owner_.ended(*this); });
}

}  // namespace pillion::server
