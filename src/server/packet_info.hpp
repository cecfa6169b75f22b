#pragma once
// The local address of a datagram in a control message: ip(7) IP_PKTINFO, ipv6(7) IPV6_PKTINFO. A socket that is bound
// to a wildcard needs it, since an answer must come from the address that the query was sent to.

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

#include "server/client.hpp"

namespace pillion::server {

/// Bytes of one such control message.
inline constexpr std::size_t packet_info_size = CMSG_SPACE(sizeof(in6_pktinfo));

/// Makes the kernel add this control message to what the socket receives. Throws boost::system::system_error.
void ask_for_packet_info(int socket, IpFamily family);

/// Reads the control message, if there is one, into `path`.
void read_packet_info(msghdr& message, DatagramPath& path);

/// Appends the control message to `message`, which must have room for it.
void append_packet_info(msghdr& message, const DatagramPath& path, IpFamily family);

/// Appends any control message. `message.msg_control` must have room after `message.msg_controllen`.
void append_control(msghdr& message, int level, int type, const void* data, std::size_t size);

}  // namespace pillion::server
