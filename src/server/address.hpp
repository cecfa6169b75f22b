#pragma once
// Converts socket addresses to client addresses.

#include <boost/asio/ip/address.hpp>

#include "server/client.hpp"

namespace pillion::server {

[[nodiscard]] inline ClientAddress client_address(const boost::asio::ip::address& address) {
  namespace ip = boost::asio::ip;
  return address.is_v4() ? ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes() : address.to_v6().to_bytes();
}

}  // namespace pillion::server
