#include "server/tcp_output.hpp"

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace pillion::server {
namespace {

/// The bytes of the kernel's memory for what was written and the client has not acknowledged.
std::uint32_t kernel_output(int socket) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> bytes{};
  socklen_t size = sizeof(bytes);
  if (::getsockopt(socket, SOL_SOCKET, SO_MEMINFO, bytes.data(), &size) == 0) return bytes[SK_MEMINFO_WMEM_QUEUED];
  // A system that cannot say it may hold a full buffer.
  int send_buffer = 0;
  size = sizeof(send_buffer);
  static_cast<void>(::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &send_buffer, &size));
  return static_cast<std::uint32_t>(send_buffer);
}

}  // namespace

dns::Buffer& TcpOutput::begin_answer(std::size_t max_reserve) {
  if (buffer_.capacity() == 0) buffer_.reserve(std::min<std::size_t>(last_size_, max_reserve));
  static_cast<void>(dns::begin_frame(buffer_));
  return buffer_;
}

TcpOutput::Outcome TcpOutput::write(int socket) {
  std::size_t written = 0;
  while (written < buffer_.size()) {
    const auto size = ::send(socket, buffer_.data() + written, buffer_.size() - written, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return Outcome::failed;
      remove_written(written);
      in_kernel_ = kernel_output(socket);
      return Outcome::waiting;
    }
    written += static_cast<std::size_t>(size);
    unchecked_ += static_cast<std::uint32_t>(size);
    unacknowledged_ += static_cast<std::uint32_t>(size);
  }
  last_size_ = static_cast<std::uint32_t>(written);
  cut_ = 0;
  dns::recycle(buffer_);
  if (is_sent(socket)) return Outcome::sent;
  in_kernel_ = kernel_output(socket);
  return Outcome::waiting;
}

bool TcpOutput::has_taken_some(int socket) {
  const auto before = std::exchange(in_kernel_, kernel_output(socket));
  return in_kernel_ < before;
}

bool TcpOutput::count_unacknowledged(int socket) {
  const auto before = std::exchange(unacknowledged_, runtime::unacknowledged(socket));
  in_kernel_ = may_be_unacknowledged() ? kernel_output(socket) : 0;
  return unacknowledged_ < before;
}

std::size_t TcpOutput::unwritten_answers() const {
  std::size_t count = cut_ > 0 ? 1 : 0;
  for (dns::Frames frames(dns::Bytes(buffer_).subspan(cut_)); frames.next();) ++count;
  return count;
}

/// Removes what was written from the start of the buffer. Otherwise it would pile up before the rest.
void TcpOutput::remove_written(std::size_t bytes) {
  std::size_t boundary = cut_;
  while (boundary < bytes) boundary += dns::frame_prefix + dns::read_u16(buffer_, boundary);
  cut_ = static_cast<std::uint32_t>(boundary - bytes);
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(bytes));
}

/// False if the kernel holds much that it cannot send, since the client does not read. The socket then becomes writable
/// when little of it is left. Asks the kernel only if there may be as much.
bool TcpOutput::is_sent(int socket) {
  constexpr int much = max_unsent / 2;
  if (unchecked_ < much) return true;
  int unsent = 0;
  if (::ioctl(socket, SIOCOUTQNSD, &unsent) == 0 && unsent >= much) return false;
  unchecked_ = 0;
  return true;
}

}  // namespace pillion::server
