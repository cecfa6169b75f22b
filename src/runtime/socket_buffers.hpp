#pragma once
// How much of the kernel's memory a TCP connection may take, and for how long. A control group is charged with it.

#include <chrono>
#include <cstdint>

namespace pillion::runtime {

/// Sizes are in bytes, each at least 1. The kernel counts twice `receive` and twice `send`, and one segment more of
/// each.
struct SocketBuffers {
  int receive = 0;  ///< what the peer has sent and nobody has read (SO_RCVBUF)
  int send = 0;     ///< what was written and the peer has not acknowledged (SO_SNDBUF)
  /// What was written and not sent, since the peer does not read (TCP_NOTSENT_LOWAT). The socket becomes writable again
  /// when less than half of it is left. A system that does not know this limit keeps to `send`.
  int unsent = 0;
  /// How long the kernel keeps a connection whose peer takes nothing of what was written, even after it was closed here
  /// (TCP_USER_TIMEOUT). 0: the kernel's default, which is minutes.
  std::chrono::milliseconds keep_for{};
};

/// Limits the buffers of a TCP socket. The connections that a listening socket accepts inherit the limits. Throws
/// boost::system::system_error.
void set_buffers(int socket, const SocketBuffers& buffers);

/// The bytes that were written to a TCP socket and its peer has not acknowledged; a FIN counts as one. 0 if the system
/// cannot say it.
[[nodiscard]] std::uint32_t unacknowledged(int socket);

}  // namespace pillion::runtime
