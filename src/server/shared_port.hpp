#pragma once
// Shares one address among the sockets of several shards, and with no other process.

#include <cstddef>
#include <cstdint>

#include "server/client_transport.hpp"

namespace pillion::server {

/// How a socket has its address. The first of several sockets binds the address as if it were alone, so that binding
/// fails if another process has it, such as another Pillion. After that it lets the others join.
enum class PortUse : std::uint8_t {
  alone,
  first,   ///< the first of those that share the address
  joined,  ///< joins those that have the address
};

/// Called before bind(2). Like open_to_others() and share_as(), throws boost::system::system_error.
void prepare_bind(int socket, PortUse use);
/// Called after bind(2) and listen(2).
void open_to_others(int socket, PortUse use);
/// Sets a socket that is already bound to `use`, whatever its use was before.
void share_as(int socket, PortUse use);

/// Lets sockets of begin_taking_back() have the address of this UDP socket too. Called for a socket that receives
/// nothing any more and only sends, since the kernel would give what arrives to any of them. Throws
/// boost::system::system_error.
void let_take_back(int socket);
/// Called before bind(2) and any use that prepare_bind() sets: the UDP socket may have an address that sockets of
/// let_take_back() still have. end_taking_back() must follow bind(2), so that later sockets cannot have the address
/// as well. Both throw boost::system::system_error.
void begin_taking_back(int socket);
void end_taking_back(int socket);

/// Makes the kernel give everything to the first `members` sockets of this socket's group, always the same one for a
/// client (address and port). Without it, SO_REUSEPORT would let any process of our user id join the group and get a
/// share. If the kernel has no such programs, it distributes by its own rule.
void keep_to(int socket, IpFamily family, std::size_t members);

}  // namespace pillion::server
