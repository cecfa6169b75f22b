#pragma once
// One record in the presentation format of zone files (RFC 1035 section 5.1) to wire form.

#include <expected>
#include <string>
#include <string_view>

#include "dns/zone_record.hpp"

namespace pillion::presentation {

/// Reads `[owner] [ttl] [class] type rdata`, where TTL and class may change places. `origin` is the zone's name in wire
/// form.
///  - The first word is the owner, be it a number or a type's name; a line that starts with a blank has the origin's
///  name.
///  - `@` is the origin; names without a final dot are completed by it. One that ends in the origin's own labels
///  without
///    the final dot is an error, since completing it cannot be what is meant.
///  - A TTL is a number of seconds or of units as BIND has them (90s, 5m, 1h30m, 2d, 1w); 300 where it is not given.
///  - `;` starts a comment; parentheses continue the record over line ends; there is no second record.
///  - Rdata is text for the types whose fields are numbers, addresses, names, strings and hex (A, AAAA, CNAME, NS, PTR,
///  MX,
///    TXT, SRV, SOA, CAA, TLSA, …), and `\# LENGTH HEX` (RFC 3597 section 5) for every type.
///  - Refused are types that no zone holds, and DNAME, whose synthesis a list of records cannot do.
/// The error says what is wrong and what would be right, in one line.
[[nodiscard]] std::expected<dns::ZoneRecord, std::string> parse_zone_record(std::string_view line, dns::Bytes origin);

}  // namespace pillion::presentation
