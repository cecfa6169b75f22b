#pragma once
// Encodes a query for an upstream. EDNS is hop by hop, so that its options are ours (RFC 6891 section 6.2.6).

#include <cstdint>

#include "upstream/query.hpp"

namespace pillion::upstream {

struct Encoding {
  bool framed = true;         ///< True for TCP and TLS: two bytes of length come first
  std::uint16_t padding = 0;  ///< block size in bytes (RFC 8467 4.1); 0: none; only for encrypted transports
  bool keepalive = false;     ///< True if edns-tcp-keepalive is sent (RFC 7828 3.2.1); never over UDP
  std::uint16_t udp_payload = 1232;
};

/// Appends the query with this id to `out`.
void encode_query(const Query& query, std::uint16_t id, const Encoding& encoding, dns::Buffer& out);

}  // namespace pillion::upstream
