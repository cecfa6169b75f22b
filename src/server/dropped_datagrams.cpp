#include "server/dropped_datagrams.hpp"

#include <linux/sock_diag.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/system/system_error.hpp>

namespace pillion::server {
namespace {

/// Bytes. The kernel counts twice as much, and each datagram with at least 768 bytes: about 680 queries wait here while
/// the process gets no processor. Without CAP_NET_ADMIN the kernel gives at most net.core.rmem_max.
constexpr int receive_buffer = 256 << 10;

}  // namespace

void prepare_receive_buffer(int socket) {
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer) != 0)
    throw boost::system::system_error(errno, boost::system::generic_category(), "SO_RCVBUF");
  const int on = 1;
  static_cast<void>(::setsockopt(socket, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on));
}

DroppedDatagrams::DroppedDatagrams(int socket) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> counts{};
  socklen_t size = sizeof counts;
  if (::getsockopt(socket, SOL_SOCKET, SO_MEMINFO, counts.data(), &size) == 0) counted_ = counts[SK_MEMINFO_DROPS];
}

std::uint32_t DroppedDatagrams::before(msghdr& message) {
  for (auto* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SO_RXQ_OVFL) continue;
    std::uint32_t count = 0;
    std::memcpy(&count, CMSG_DATA(control), sizeof count);
    return count - std::exchange(counted_, count);
  }
  return 0;
}

}  // namespace pillion::server
