#pragma once
// Sockets that are bound, before anybody reads from them: of this process, or of one that was here before.

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "config/config.hpp"
#include "server/shared_port.hpp"

namespace pillion::server {

/// An address that cannot be listened on; `what()` names it and says why.
class BindError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Closes its socket, unless that has been released.
class SocketHandle {
 public:
  SocketHandle() = default;
  explicit SocketHandle(int descriptor) : descriptor_(descriptor) {}
  SocketHandle(SocketHandle&& other) noexcept : descriptor_(other.release()) {}
  SocketHandle& operator=(SocketHandle&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~SocketHandle();

  /// The descriptor; -1 if there is none.
  [[nodiscard]] int get() const { return descriptor_; }
  /// The same; it is the caller's from now on.
  [[nodiscard]] int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_ = -1;
};

/// The two sockets of an address that is listened on. Neither blocks, and the TCP one has listen(2) behind it.
struct BoundAddress {
  boost::asio::ip::address address;
  std::uint16_t port = 0;
  SocketHandle udp;
  SocketHandle tcp;
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
