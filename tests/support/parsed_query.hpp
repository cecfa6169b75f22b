#pragma once
// The query parser of the test servers. It does not use the code of src/dns (only its numbers): a test server that
// shared the code under test would share its errors.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "dns/wire.hpp"

namespace pillion::test {

/// An ASCII letter in lower case (RFC 4343), any other byte as it is.
[[nodiscard]] constexpr std::uint8_t lower(std::uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte + ('a' - 'A')) : byte;
}

/// The parts of a query that a server needs. It views the message's bytes.
struct ParsedQuery {
  dns::Bytes message;
  dns::Bytes name;  ///< wire form, root label included, case as asked
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::size_t question_end = 0;
  bool edns = false;
  bool dnssec_ok = false;
  bool padded = false;              ///< carries a padding option (RFC 7830)
  bool keepalive = false;           ///< carries edns-tcp-keepalive (RFC 7828)
  bool client_subnet = false;       ///< carries a client subnet (RFC 7871)
  std::uint16_t udp_payload = 512;  ///< bytes, never below 512
};

/// Parses a message with one question; nullopt if it is not a complete, well-formed query.
[[nodiscard]] std::optional<ParsedQuery> parse_query(dns::Bytes message);

/// Lower case, dots between labels, no final dot, "" for the root; bytes are not escaped.
[[nodiscard]] std::string name_text(dns::Bytes name);

}  // namespace pillion::test
