#pragma once
// Datagrams that the kernel drops since a socket's receive buffer is full: socket(7) SO_RXQ_OVFL.

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

namespace pillion::server {

/// Bytes of the control message with the kernel's count.
inline constexpr std::size_t dropped_datagrams_size = CMSG_SPACE(sizeof(std::uint32_t));

/// Sets the size of a UDP socket's receive buffer, and makes the kernel count in control messages what it drops for
/// want of room. Without effect where the kernel cannot count. Throws boost::system::system_error.
void prepare_receive_buffer(int socket);

/// Counts the drops of one socket.
class DroppedDatagrams {
 public:
  /// What `socket` has dropped before, for an earlier process, does not count.
  explicit DroppedDatagrams(int socket);

  /// The number of drops between the last datagram that this was called for and `message`, which the socket has
  /// received. A drop is known as soon as the next datagram has come.
  [[nodiscard]] std::uint32_t before(msghdr& message);

 private:
  std::uint32_t counted_ = 0;  // the kernel's count, which wraps around
};

}  // namespace pillion::server
