#pragma once
// Rdata in wire form to its presentation format (RFC 1035 section 5.1); zone_rdata.hpp goes the other way.

#include <cstdint>
#include <optional>
#include <string>

#include "dns/message.hpp"

namespace pillion::presentation {

/// The rdata of `record` in the presentation format of its type; `\# LENGTH HEX` (RFC 3597 section 5) if the type is
/// not known here or the rdata does not have the type's layout. `message` holds the record and the names that its
/// compression pointers lead to.
[[nodiscard]] std::string rdata_to_text(dns::Bytes message, const dns::Record& record);

/// The same for rdata outside of a message, in which all names are uncompressed; nullopt if the type is not known here
/// or the rdata does not have the type's layout.
[[nodiscard]] std::optional<std::string> uncompressed_rdata_to_text(std::uint16_t rr_type, dns::Bytes rdata);

}  // namespace pillion::presentation
