#pragma once
// What the test servers answer: everything follows from the question, so that a test can tell what it must get without
// a zone file. Written apart from src/dns on purpose (only its numbers are used): a test server that shared the code
// under test would share its bugs.
//
// The first label chooses, case-insensitively:
//     nx…        NXDOMAIN, with an SOA          cname3…   CNAME to cname2…, to cname1…, to target…, which is then
//     answered nodata…    no records, with an SOA        txt600…   TXT with 600 bytes of text (or any other number up
//     to 60000) servfail… refused… formerr… notimp…       ttl30…    this TTL in seconds; else 300
// Any other name has A (198.18.0.0/15), AAAA (2001:db8::/32), both from a hash of the name, TXT (its own name), MX, NS,
// PTR and SRV. Types for private use (RFC 6895 3.1: 65280 and up) have eight opaque bytes; other types have no data;
// classes other than IN are refused.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "dns/wire.hpp"

namespace pillion::test {

/// The parts of a query that a server needs. Refers to the message's bytes.
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

/// Reads a message with one question; nullopt for anything that is not a whole, well-formed query.
[[nodiscard]] std::optional<ParsedQuery> parse_query(dns::Bytes message);

/// Lower case, dots between labels, no final dot, "" for the root; bytes are not escaped.
[[nodiscard]] std::string name_text(dns::Bytes name);

struct AnswerOptions {
  std::size_t padding_block = 468;                 ///< RFC 8467 4.1; used where the query is padded; 0 for never
  std::optional<std::uint16_t> keepalive = {};     ///< units of 100 ms; sent where the query has the option
  std::optional<std::uint16_t> rcode = {};         ///< answer every name with this code and no records
  std::size_t size_limit = dns::max_message_size;  ///< longer answers lose their records and get TC
};

/// Appends the answer, as the table above says. Does not allocate while `out` has room.
void append_answer(const ParsedQuery& query, const AnswerOptions& options, dns::Buffer& out);

}  // namespace pillion::test
