#pragma once
// Presentation form of types, classes, codes and records (RFC 1035 5.1, RFC 3597), for people and logs; not on the data
// path.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "dns/message.hpp"

namespace pillion::dns {

/// "AAAA", or "TYPE65400" where the type has no mnemonic here (RFC 3597 section 5).
[[nodiscard]] std::string type_to_text(std::uint16_t type);
/// Reads a mnemonic in any case, or "TYPE123"; nullopt for anything else.
[[nodiscard]] std::optional<std::uint16_t> type_from_text(std::string_view text);
/// "IN", "CH", "HS", "ANY" or "CLASS123".
[[nodiscard]] std::string class_to_text(std::uint16_t klass);
/// "NOERROR", "NXDOMAIN", …, or "RCODE23".
[[nodiscard]] std::string rcode_to_text(std::uint16_t rcode);
/// The meaning of an Extended DNS Error's INFO-CODE: "Stale Answer"; "unassigned" where RFC 8914 section 4 has none.
[[nodiscard]] std::string_view extended_error_to_text(std::uint16_t info_code);
/// The rdata of a record in presentation form; `\# LENGTH HEX` (RFC 3597) for types not known here or rdata that does
/// not parse.
[[nodiscard]] std::string rdata_to_text(Bytes message, const Record& record);

}  // namespace pillion::dns
