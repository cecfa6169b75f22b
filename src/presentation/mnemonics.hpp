#pragma once
// The mnemonics of types, classes and codes (RFC 1035 section 5.1, RFC 3597 section 5), for people, logs and
// configurations.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pillion::presentation {

/// For example "AAAA", or "TYPE65400" for a type without a mnemonic in the table (RFC 3597 section 5).
[[nodiscard]] std::string type_to_text(std::uint16_t type);
/// Reads a mnemonic in any letter case, or "TYPE123"; nullopt for any other text.
[[nodiscard]] std::optional<std::uint16_t> type_from_text(std::string_view text);
/// "IN", "CH", "HS", "NONE", "ANY" or "CLASS123".
[[nodiscard]] std::string class_to_text(std::uint16_t klass);
/// "NOERROR", "NXDOMAIN", …, or "RCODE24".
[[nodiscard]] std::string rcode_to_text(std::uint16_t rcode);
/// The meaning of the INFO-CODE of an Extended DNS Error, such as "Stale Answer"; "unassigned" for a code that RFC 8914
/// section 4 does not list.
[[nodiscard]] std::string_view extended_error_to_text(std::uint16_t info_code);

}  // namespace pillion::presentation
