#pragma once
// The transport and the address family over which a client asks.

#include <cstdint>
#include <string_view>

#include "runtime/enum_array.hpp"

namespace pillion::server {

/// The label `proto`.
enum class Transport : std::uint8_t { udp, tcp, count_ };
inline constexpr auto transport_labels = runtime::enum_array<Transport, std::string_view>({"udp", "tcp"});

/// The label `family`.
enum class IpFamily : std::uint8_t { ipv4, ipv6, count_ };
inline constexpr auto family_labels = runtime::enum_array<IpFamily, std::string_view>({"ipv4", "ipv6"});

}  // namespace pillion::server
