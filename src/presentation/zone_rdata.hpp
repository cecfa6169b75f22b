#pragma once
// Rdata in presentation form to wire form. Used inside this room only.

#include <cstdint>
#include <expected>
#include <string>

#include "dns/wire.hpp"
#include "presentation/zone_word.hpp"

namespace pillion::presentation {

/// The rdata that `words` stand for, field by field, or by `\# LENGTH HEX` (RFC 3597 section 5), which must then be
/// what the type's layout says, with names uncompressed.
[[nodiscard]] std::expected<dns::Buffer, std::string> read_zone_rdata(std::uint16_t rr_type, Words words,
                                                                      dns::Bytes origin);

}  // namespace pillion::presentation
