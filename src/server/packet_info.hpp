#pragma once
// The local address of a datagram, as control messages carry it: ip(7) IP_PKTINFO, ipv6(7) IPV6_PKTINFO. A socket that
// is bound to a wildcard needs it, for an answer must come from where its query went.

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

#include "server/client.hpp"

namespace pillion::server {

/// Room for one control message of this kind, in bytes.
inline constexpr std::size_t packet_info_size = CMSG_SPACE(sizeof(in6_pktinfo));

/// From now on what this socket receives says where it went. Throws boost::system::system_error.
void ask_for_packet_info(int socket, IpFamily family);

/// Reads it, where it is there, into `path`.
void read_packet_info(msghdr& message, DatagramPath& path);

/// Appends it to the message's control messages, which must have room.
void append_packet_info(msghdr& message, const DatagramPath& path, IpFamily family);

/// Appends any control message; `message.msg_control` must have room behind `message.msg_controllen`.
void append_control(msghdr& message, int level, int type, const void* data, std::size_t size);

}  // namespace pillion::server
