#pragma once
// Sockets that are bound, before anybody reads from them: of this process, or of one that was here before.

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

/// The kernel's queue of connections that wait to be accepted; it cuts this to net.core.somaxconn.
inline constexpr int listen_backlog = 4096;

/// An address that cannot be listened on; `what()` names it and says why.
class BindError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The two sockets of an address that is listened on. Neither blocks, and the TCP one has listen(2) behind it.
struct BoundAddress {
  boost::asio::ip::address address;
  std::uint16_t port = 0;
  runtime::UniqueDescriptor udp;
  runtime::UniqueDescriptor tcp;
};

/// An address that is to be listened on, with its sockets.
struct ListenAddress {
  config::Endpoint endpoint;  ///< as configured
  BoundAddress bound;
};

/// Binds an address for UDP and TCP; throws BindError. A port of 0 lets the kernel choose one that is free for both.
[[nodiscard]] BoundAddress bind_address(const config::Endpoint& endpoint, PortUse use);

/// Sockets that another process has bound by bind_address() and still holds. What the kernel keeps for them, from
/// options to clients that wait, is the same whoever holds them.
class InheritedSockets {
 public:
  InheritedSockets() = default;
  /// In the order in which they were bound. Descriptors that are no bound sockets of UDP or TCP are left alone.
  explicit InheritedSockets(std::span<const int> descriptors);

  /// Those of an address, to be used as `use` says; nullopt if there are none, or none any more. Of several pairs with
  /// one address the first; so who shares an address takes them in the order of their group (keep_to()). A port of 0 is
  /// any port.
  [[nodiscard]] std::optional<BoundAddress> take(const config::Endpoint& endpoint, PortUse use);
  /// Closes those that nobody took; returns the descriptors that they had.
  [[nodiscard]] std::vector<int> close_rest();

 private:
  std::vector<BoundAddress> addresses_;  // each with the UDP socket or the TCP one, as they came
};

}  // namespace pillion::server
