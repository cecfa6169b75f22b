#pragma once
// What one query looks like on the way out: EDNS is ours, hop by hop (RFC 6891 section 6.2.6).

#include <cstdint>

#include "upstream/query.hpp"

namespace pillion::upstream {

struct Encoding {
  bool framed = true;         ///< with the two bytes of length of TCP and TLS
  std::uint16_t padding = 0;  ///< block size in bytes (RFC 8467 4.1); 0: none. Only for encrypted transports
  bool keepalive = false;     ///< send edns-tcp-keepalive (RFC 7828 3.2.1). Never over UDP
  std::uint16_t udp_payload = 1232;
};

/// Appends the query with this id to `out`.
void encode_query(const Query& query, std::uint16_t id, const Encoding& encoding, dns::Buffer& out);

}  // namespace pillion::upstream
