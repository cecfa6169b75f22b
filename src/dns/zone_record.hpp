#pragma once
// A resource record that stands by itself, not in a message.

#include <cstdint>

#include "dns/wire.hpp"

namespace pillion::dns {

/// Names are uncompressed, and in the letter case in which they were written.
struct ZoneRecord {
  Buffer owner;  ///< in wire form; the first label may be the wildcard `*` (RFC 4592)
  std::uint16_t type = 0;
  std::uint16_t klass = klass::in;
  std::uint32_t ttl = 0;  ///< seconds, at most 2^31 - 1 (RFC 2181 section 8)
  Buffer rdata;           ///< at most 65,535 bytes

  friend bool operator==(const ZoneRecord&, const ZoneRecord&) = default;
};

}  // namespace pillion::dns
