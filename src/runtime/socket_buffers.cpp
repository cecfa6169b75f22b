#include "runtime/socket_buffers.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

#include <boost/system/system_error.hpp>

namespace pillion::runtime {

void set_buffers(int socket, const SocketBuffers& buffers) {
  const auto set = [socket](int level, int option, int bytes) {
    return ::setsockopt(socket, level, option, &bytes, sizeof bytes) == 0;
  };
  if (!set(SOL_SOCKET, SO_RCVBUF, buffers.receive) || !set(SOL_SOCKET, SO_SNDBUF, buffers.send))
    throw boost::system::system_error(errno, boost::system::generic_category(), "setsockopt");
  static_cast<void>(set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, buffers.unsent));
  static_cast<void>(set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(buffers.keep_for.count())));
}

std::uint32_t unacknowledged(int socket) {
  int bytes = 0;
  return ::ioctl(socket, SIOCOUTQ, &bytes) == 0 ? static_cast<std::uint32_t>(bytes) : 0;
}

}  // namespace pillion::runtime
