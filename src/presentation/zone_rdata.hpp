#pragma once
// Converts rdata in presentation format to wire form. Only this room includes this file.

#include <cstdint>
#include <expected>
#include <string>

#include "dns/wire.hpp"
#include "presentation/zone_word.hpp"

namespace pillion::presentation {

/// Reads `words` field by field as rdata of this type, or as `\# LENGTH HEX` (RFC 3597 section 5). Rdata in hexadecimal
/// must have the layout of its type too, with names uncompressed. `origin` completes relative names. The error says
/// what is wrong and what would be right.
[[nodiscard]] std::expected<dns::Buffer, std::string> read_zone_rdata(std::uint16_t rr_type, Words words,
                                                                      dns::Bytes origin);

}  // namespace pillion::presentation
