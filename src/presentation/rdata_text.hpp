#pragma once
// Converts rdata in wire form to its presentation format (RFC 1035 section 5.1). zone_rdata.hpp does the reverse.

#include <cstdint>
#include <optional>
#include <string>

#include "dns/message.hpp"

namespace pillion::presentation {

/// The rdata of `record` in the presentation format of its type and class; `\# LENGTH HEX` (RFC 3597 section 5) if
/// dns::rdata_layout() does not have these or the rdata does not have their layout. `message` holds the record and the
/// names that its compression pointers lead to.
[[nodiscard]] std::string rdata_to_text(dns::Bytes message, const dns::Record& record);

/// The same for class IN and rdata outside of a message, in which all names are uncompressed; nullopt if
/// dns::rdata_layout() does not have the type or the rdata does not have its layout.
[[nodiscard]] std::optional<std::string> uncompressed_rdata_to_text(std::uint16_t rr_type, dns::Bytes rdata);

}  // namespace pillion::presentation
