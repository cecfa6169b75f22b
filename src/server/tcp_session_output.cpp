// The output of a session: the answers that its client has not read, and the next ones.

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "dns/framing.hpp"
#include "server/tcp_session.hpp"

namespace pillion::server {
using boost::system::error_code;

bool TcpSession::is_its_turn() const {
  // A client with small answers does not wait for clients with large ones.
  const bool is_modest = pending() + last_output_ < TurnWork::modest_output;
  return pending() < limits_.pause_at && (is_modest || work_.may_compose(loop_.turn()));
}

bool TcpSession::can_take() {
  return closed_ || (is_its_turn() && memory_.make_room(runtime::MemoryUse::output, resolve::room_for_answer, *this));
}

/// True if a kept answer, whose bytes are already counted, may be delivered. One is always delivered to a client that
/// reads, so that kept answers cannot block each other.
bool TcpSession::can_deliver() {
  return closed_ || (is_its_turn() && pending() == 0) || can_take();
}

bool TcpSession::can_hold(std::size_t size) {
  return closed_ ||
         (pending() + size <= limits_.max_queued_output && memory_.make_room(runtime::MemoryUse::output, size, *this));
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
  if (closed_) return nullptr;
  if (out_.capacity() == 0) out_.reserve(last_output_);
  static_cast<void>(dns::begin_frame(out_));
  return &out_;
}

void TcpSession::end_answer(ClientQuery& /*query*/, std::size_t message_start) {
  dns::end_frame(out_, message_start);
  work_.note_output(loop_.turn(), out_.size() - message_start);
  account_for_output();
  loop_.schedule(*this);
}

void TcpSession::account_for_output() {
  output_.set_anyway(beyond_small(out_.size()) + in_kernel_);
  if (waiting_to_write_) tell_held(runtime::MemoryUse::output);
}

/// Output counts only while the client does not read.
void TcpSession::tell_held(runtime::MemoryUse use) {
  if (client() == nullptr) return;
  const auto output = waiting_to_write_ ? output_.bytes() + kept_ : 0;
  memory_.set_held(*this, client()->memory, use, use == runtime::MemoryUse::input ? input_.bytes() : output);
}

/// The number of answers whose end the client has not received.
std::size_t TcpSession::unwritten_answers() const {
  std::size_t count = cut_ > 0 ? 1 : 0;
  for (dns::Frames frames(dns::Bytes(out_).subspan(cut_)); frames.next();) ++count;
  return count;
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
  if (pending() + kept_ > limits_.max_queued_output) return drop(Refusal::output_limit);
  resume();
  close_if_done();
}

/// Writes what the kernel takes. If the client does not take it, the rest waits until it does.
void TcpSession::write() {
  while (written_ < out_.size()) {
    const auto size =
        ::send(socket_.native_handle(), out_.data() + written_, out_.size() - written_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return close();
      keep_unwritten();
      return wait_writable();
    }
    written_ += static_cast<std::size_t>(size);
    unchecked_ += static_cast<std::uint32_t>(size);
    last_write_ = loop_.clock().now();
  }
  last_output_ = static_cast<std::uint32_t>(std::min(out_.size(), limits_.pause_at));
  written_ = 0;
  cut_ = 0;
  dns::recycle(out_);
  if (!is_sent()) return wait_writable();
  output_.set_anyway(0);
  tell_held(runtime::MemoryUse::output);
}

/// Removes what was written from the start of out_. Otherwise it would pile up before the rest.
void TcpSession::keep_unwritten() {
  std::size_t boundary = cut_;
  while (boundary < written_) boundary += dns::frame_prefix + dns::read_u16(out_, boundary);
  cut_ = static_cast<std::uint32_t>(boundary - written_);
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(written_));
  written_ = 0;
}

void TcpSession::wait_writable() {
  socket_.async_wait(TcpSocket::wait_write, [this](const error_code& error) {
    waiting_to_write_ = false;
    in_kernel_ = 0;
    if (closed_ || error) return end_if_unused();
    loop_.clock().refresh();
    last_write_ = loop_.clock().now();
    flush();
  });
  waiting_to_write_ = true;
  last_write_ = loop_.clock().now();
  in_kernel_ = kernel_output();
  watch(last_write_ + limits_.write_timeout);
  account_for_output();
}

/// False if the kernel holds much that it cannot send, since the client does not read. The socket then becomes writable
/// when little of it is left. Asks the kernel only if there may be as much.
bool TcpSession::is_sent() {
  if (unchecked_ < unsent_output / 2) return true;
  int unsent = 0;
  if (::ioctl(socket_.native_handle(), SIOCOUTQNSD, &unsent) != 0 || unsent < unsent_output / 2) {
    unchecked_ = 0;
    return true;
  }
  return false;
}

/// The bytes of the kernel's memory for what was written and the client has not acknowledged.
std::uint32_t TcpSession::kernel_output() {
  std::array<std::uint32_t, SK_MEMINFO_VARS> bytes{};
  socklen_t size = sizeof(bytes);
  // A system that cannot say it may hold a full buffer.
  if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_MEMINFO, bytes.data(), &size) != 0)
    return static_cast<std::uint32_t>(2 * memory_.send_buffer());
  return bytes[SK_MEMINFO_WMEM_QUEUED];
}

/// True if the client has taken some of the output since this was last asked, or since the session began to wait. The
/// socket becomes writable only once the client has taken most of it.
bool TcpSession::has_taken_some() {
  const auto before = std::exchange(in_kernel_, kernel_output());
  account_for_output();
  return in_kernel_ < before;
}

}  // namespace pillion::server
