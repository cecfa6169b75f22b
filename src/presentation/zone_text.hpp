#pragma once
// Converts one record in the presentation format of zone files (RFC 1035 section 5.1) to wire form.

#include <expected>
#include <string>
#include <string_view>

#include "dns/zone_record.hpp"

namespace pillion::presentation {

/// Reads `[owner] [ttl] [class] type rdata`. TTL and class may change places. `origin` is the name of the zone in wire
/// form.
///  - The first word is the owner, even if it looks like a number or a type. The origin is the owner if the line
///    starts with a blank.
///  - `@` is the origin. The origin completes names without a final dot. A name that ends in the labels of the origin
///    but not in a dot is an error, since it would have these labels twice.
///  - A TTL is a number of seconds, or numbers with units as BIND reads them (90s, 5m, 1h30m, 2d, 1w). The default is
///    300 s.
///  - `;` starts a comment. Parentheses continue the record over line ends. A second record is an error.
///  - Rdata is read as text for types whose fields are numbers, addresses, names, strings and hexadecimal digits (A,
///    AAAA, CNAME, NS, PTR, MX, TXT, SRV, SOA, CAA, TLSA, …), and as `\# LENGTH HEX` (RFC 3597 section 5) for all
///    types.
///  - Types that no zone holds are errors, and so is DNAME, since Pillion does not synthesize names from it.
/// The error says what is wrong and what would be right, in one line.
[[nodiscard]] std::expected<dns::ZoneRecord, std::string> parse_zone_record(std::string_view line, dns::Bytes origin);

}  // namespace pillion::presentation
