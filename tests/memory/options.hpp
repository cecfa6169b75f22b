#pragma once
// The arguments of both programs: numbers, and the source addresses of their clients.

#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/sockets.hpp"

namespace pillion::test {

/// A number above zero. Throws std::invalid_argument.
template <typename Number>
Number to_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0) {
    throw std::invalid_argument("not a number above zero: " + std::string(text));
  }
  return number;
}

/// `count` consecutive IPv4 addresses of this machine, in turn.
class Sources {
 public:
  /// The address that the kernel chooses.
  Sources() = default;
  /// Reads the first address and the number of addresses from the arguments at `index`. Throws std::invalid_argument.
  Sources(const std::vector<std::string>& arguments, std::size_t index) {
    if (index >= arguments.size()) return;
    const auto address = SocketAddress::of(arguments[index], 0);
    first_ = ntohl(reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr.s_addr);
    if (index + 1 < arguments.size()) count_ = to_number<std::uint32_t>(arguments[index + 1]);
  }

  /// Throws std::system_error.
  void bind(int socket, std::size_t client) const {
    if (!first_) return;
    // The port is chosen with the connection, so that each address has all of them for each server.
    const int on = 1;
    check_call(::setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on), "IP_BIND_ADDRESS_NO_PORT");
    auto source = SocketAddress::of("0.0.0.0", 0);
    reinterpret_cast<sockaddr_in*>(source.get())->sin_addr.s_addr =
        htonl(*first_ + static_cast<std::uint32_t>(client % count_));
    check_call(::bind(socket, source.get(), source.size), "bind");
  }

 private:
  std::optional<std::uint32_t> first_ = {};
  std::uint32_t count_ = 1;
};

}  // namespace pillion::test
