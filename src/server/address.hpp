#pragma once
// Socket addresses as this room needs them.

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>

#include "server/client.hpp"

namespace pillion::server {

[[nodiscard]] inline ClientAddress client_address(const boost::asio::ip::address& address) {
  namespace ip = boost::asio::ip;
  return address.is_v4() ? ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes() : address.to_v6().to_bytes();
}

/// Lets several sockets bind one address, among which the kernel spreads what arrives (socket(7)). Throws
/// boost::system::system_error.
inline void set_reuse_port(int socket) {
  const int on = 1;
  if (::setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
    throw boost::system::system_error(errno, boost::system::generic_category(), "SO_REUSEPORT");
  }
}

}  // namespace pillion::server
