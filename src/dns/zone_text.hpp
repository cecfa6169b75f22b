#pragma once
// Records that stand in a configuration.

#include <cstdint>

#include "dns/wire.hpp"

namespace pillion::dns {

/// One resource record (RFC 1035 3.2.1); names in it are in wire form and uncompressed.
struct ZoneRecord {
  Buffer owner;
  std::uint16_t type = 0;
  std::uint16_t klass = klass::in;
  std::uint32_t ttl = 0;  ///< seconds
  Buffer rdata;           ///< at most 65,535 bytes
};

}  // namespace pillion::dns
