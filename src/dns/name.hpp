#pragma once
// Domain names in wire form. A name here is the whole of its labels with the root label, uncompressed, as it stands in
// a question (RFC 1035 3.1).

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "dns/wire.hpp"

namespace pillion::dns {

/// Compares two uncompressed names without regard to ASCII case (RFC 4343 section 3).
[[nodiscard]] bool equal_names(Bytes a, Bytes b);

/// A hash that is equal for names that differ only in ASCII case. `seed` keeps an outsider from choosing collisions;
/// draw it at random once per process.
[[nodiscard]] std::uint64_t hash_name(Bytes name, std::uint64_t seed);

/// The presentation form (RFC 1035 5.1, RFC 4343 2.1): `\.` and `\\` for those two inside a label, `\DDD` for whatever
/// is not printable ASCII, `"` `(` `)` `;` `@` `$` and space escaped too; always ends in a dot. The root is ".".
[[nodiscard]] std::string to_text(Bytes name);

/// Reads the presentation form, with or without the final dot. The error says what is wrong ("label longer than 63
/// bytes").
[[nodiscard]] std::expected<Buffer, std::string> parse_name(std::string_view text);

/// The byte that the escape after a backslash stands for, `\X` or `\DDD` (RFC 1035 5.1); eats it from the front of
/// `text`, which starts behind the backslash. The error says what is wrong.
[[nodiscard]] std::expected<std::uint8_t, std::string> read_escape(std::string_view& text);

/// True if all labels of this name are valid UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF), each
/// label by itself.
[[nodiscard]] bool is_utf8(Bytes name);

/// True if `text` as a whole is valid UTF-8 in that sense.
[[nodiscard]] bool is_utf8_text(Bytes text);

}  // namespace pillion::dns
