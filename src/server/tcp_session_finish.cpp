// How a session ends when Pillion stops: the client gets what it has asked for, and its connection is not reset.

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "dns/framing.hpp"
#include "server/tcp_session.hpp"

namespace pillion::server {
using boost::system::error_code;

namespace {

/// How often to check whether the client's kernel has acknowledged everything, since there is no event for it.
constexpr std::chrono::milliseconds acknowledgement_interval{20};

}  // namespace

bool TcpSession::is_busy() const {
  if (closed_ || lingering_) return false;
  // If the session does not read, the kernel may have a message for which there was no room.
  const bool is_held_up = !reading_ && !input_ended_ && !finishing_;
  return in_flight_ > 0 || !out_.empty() || is_held_up || has_message();
}

void TcpSession::finish() {
  if (closed_ || finishing_) return;
  loop_.contain(
      "TCP client",
      [this] {
        const bool may_read_once_more = may_read();
        finishing_ = true;
        if (may_read_once_more) receive();
        close_if_done();
      },
      [this] { close(); });
}

void TcpSession::close_if_done() {
  if (closed_ || lingering_ || !(input_ended_ || finishing_) || is_busy()) return;
  if (waiting_to_write_ && !finishing_ && !handler_.is_draining()) return;
  // Much that is not acknowledged stays in the kernel's memory, so that the session keeps its place.
  if (finishing_ || handler_.is_draining() || out_.is_unacknowledged(socket_.native_handle())) return linger();
  close();
}

/// Closing a socket with unread input, or one that receives input later, resets the connection, and the kernel
/// discards what it has for the client. So the session sends FIN first and reads until the client's kernel has
/// everything.
void TcpSession::linger() {
  error_code error;
  socket_.shutdown(ClientSocket::shutdown_send, error);
  if (error) return close();
  lingering_ = true;
  keep({});
  count_unacknowledged();
  if (!reading_ && !input_ended_) wait_readable();
  linger_until_ = loop_.clock().now() + limits_.write_timeout;
  loop_.set_deadline(*this, loop_.clock().now() + acknowledgement_interval);
}

/// True if the client's kernel has acknowledged everything, including the FIN.
bool TcpSession::is_acknowledged() {
  return runtime::unacknowledged(socket_.native_handle()) == 0;
}

/// True if the client has reset the connection, so that it can acknowledge nothing.
bool TcpSession::is_reset() {
  pollfd ended{.fd = socket_.native_handle(), .events = 0, .revents = 0};
  return ::poll(&ended, 1, 0) == 1 && (ended.revents & POLLERR) != 0;
}

void TcpSession::look_whether_acknowledged(runtime::Time now) {
  if (now >= linger_until_ || is_acknowledged() || is_reset()) return close();
  const auto next = std::min<runtime::Time>(now + acknowledgement_interval, linger_until_);
  loop_.contain("TCP client", [&] { loop_.set_deadline(*this, next); }, [this] { close(); });
}

void TcpSession::discard_input() {
  const auto space = owner_.read_buffer();
  const auto size = ::recv(socket_.native_handle(), space.data(), space.size(), MSG_DONTWAIT);
  if (size < 0 && errno != EAGAIN && errno != EINTR) return close();
  if (size != 0) return wait_readable();
  input_ended_ = true;
  if (is_acknowledged()) close();
}

void TcpSession::abandon() {
  if (closed_) return;
  finishing_ = true;
  if (!waiting_to_write_) write();
  if (closed_) return;
  auto undelivered = out_.unwritten_answers();
  for (dns::Frames frames(partial_); frames.next();) ++undelivered;
  handler_.metrics().responses_undelivered.add(undelivered);
  error_code ignored;
  socket_.shutdown(ClientSocket::shutdown_send, ignored);
  const auto space = owner_.read_buffer();
  static_cast<void>(::recv(socket_.native_handle(), space.data(), space.size(), MSG_DONTWAIT));
  close();
}

}  // namespace pillion::server
