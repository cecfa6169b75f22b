#pragma once
// One address for the sockets of several shards, and for nobody else's.

#include <cstddef>
#include <cstdint>

#include "server/metrics.hpp"

namespace pillion::server {

/// How a socket has its address. The first of several binds it as if it were alone, so that it fails where anybody else
/// has the address, another Pillion among them, and lets the others join it after that.
enum class PortUse : std::uint8_t {
  alone,
  first,   ///< of those that share it
  joined,  ///< with those that have it
};

/// To be called before bind(2). Throws boost::system::system_error, as the next one does.
void prepare_bind(int socket, PortUse use);
/// To be called after bind(2), and listen(2).
void open_to_others(int socket, PortUse use);
/// The same for a socket that is bound already, whatever it was used for before.
void share_as(int socket, PortUse use);

/// Makes the kernel give everything to the first `members` sockets of this one's group, each client (address and port)
/// to one of them. SO_REUSEPORT lets any process of our user id join a group, and would give it its share. Where the
/// kernel has no such programs, it chooses as it does by itself.
void keep_to(int socket, IpFamily family, std::size_t members);

}  // namespace pillion::server
