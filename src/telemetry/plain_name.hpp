#pragma once
// Writes names whose presentation format needs no escapes, as almost all names do. Pure.

#include <cstddef>

#include "dns/wire.hpp"

namespace pillion::telemetry {

/// Characters behind the text of a name that write_plain_name() may overwrite.
inline constexpr std::size_t plain_name_spare = 16;

/// Writes the name, which is in wire form, in presentation format without the final dot. `out` has room for the name's
/// size and `plain_name_spare` more. Returns the end of the text, or nullptr if the name is the root or has a character
/// other than ASCII letters, digits, `-` and `_`.
[[nodiscard]] char* write_plain_name(dns::Bytes name, char* out);

}  // namespace pillion::telemetry
