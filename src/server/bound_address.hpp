#pragma once
// Sockets that are bound but not read from yet: of this process, or inherited from an earlier one.

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "config/config.hpp"
#include "runtime/unique_descriptor.hpp"
#include "server/shared_port.hpp"

namespace pillion::server {

/// The length of the kernel's queue of connections to accept. The kernel limits it to net.core.somaxconn.
inline constexpr int listen_backlog = 4096;

/// Pillion cannot listen on an address. `what()` names the address and the reason.
class BindError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The two sockets of an address. Both are non-blocking, and listen(2) was called for the TCP one.
struct BoundAddress {
  boost::asio::ip::address address;
  std::uint16_t port = 0;
  runtime::UniqueDescriptor udp;
  runtime::UniqueDescriptor tcp;
};

/// An address to listen on, with its sockets.
struct ListenAddress {
  config::Endpoint endpoint;  ///< as configured
  BoundAddress bound;
};

/// Who has an address that is to be bound.
enum class Occupant : std::uint8_t {
  none,
  released,  ///< sockets of this process that only send the last answers (let_take_back())
};

/// Binds an address for UDP and TCP. Throws BindError. With port 0 the kernel chooses a port that is free for both.
[[nodiscard]] BoundAddress bind_address(const config::Endpoint& endpoint, PortUse use,
                                        Occupant occupant = Occupant::none);

/// Sockets that another process has bound by bind_address() and still holds. Their state in the kernel, from options
/// to waiting clients, is the same in every process that holds them.
class InheritedSockets {
 public:
  InheritedSockets() = default;
  /// Takes the descriptors, which are in the order of their binding. Descriptors that are not bound UDP or TCP sockets
  /// are left alone.
  explicit InheritedSockets(std::span<const int> descriptors);

  /// The sockets of an address, set up for `use`; nullopt if there are none, or none any more. If several pairs have
  /// the address, takes the first, so that the members of a group get theirs in order (keep_to()). Port 0 means any
  /// port.
  [[nodiscard]] std::optional<BoundAddress> take(const config::Endpoint& endpoint, PortUse use);
  /// Closes the sockets that were not taken. Returns their descriptors.
  [[nodiscard]] std::vector<int> close_rest();

 private:
  std::vector<BoundAddress> addresses_;  // each has either the UDP or the TCP socket, in the order of `descriptors`
};

}  // namespace pillion::server
