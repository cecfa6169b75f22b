#pragma once
// The answers of the test servers. They follow from the question, so that tests know the expected answer without a zone
// file. The first label, in any case, chooses the answer:
//   - nx…: NXDOMAIN with an SOA; nodata…: no records, with an SOA
//   - servfail…, refused…, formerr…, notimp…: that code
//   - cname3…: CNAME to cname2…, to cname1…, to target…, whose records follow (1 to 9)
//   - txt600…: TXT with 600 bytes of text (0 to 60000)
//   - ttl30…: the TTL is 30 seconds instead of 300
// Any other name has A (198.18.0.0/15) and AAAA (2001:db8::/32) from a hash of the name, TXT (its own name), MX, NS,
// PTR and SRV. Types for private use (RFC 6895 3.1: 65280 and up) have eight opaque bytes; other types have no data;
// classes other than IN are refused.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "support/parsed_query.hpp"

namespace pillion::test {

struct AnswerOptions {
  std::size_t padding_block = 468;                 ///< RFC 8467 4.1; used if the query is padded; 0 for never
  std::optional<std::uint16_t> keepalive = {};     ///< units of 100 ms; sent if the query has the option
  std::optional<std::uint16_t> rcode = {};         ///< answer every name with this code and no records
  std::size_t size_limit = dns::max_message_size;  ///< longer answers are sent without records, with TC
};

/// Appends the answer of the table above. Does not allocate while `out` has room.
void append_answer(const ParsedQuery& query, const AnswerOptions& options, dns::Buffer& out);

}  // namespace pillion::test
