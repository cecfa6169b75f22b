#pragma once
// UTF-8 (RFC 3629). A well-formed character is not an overlong form, not a surrogate, and at most U+10FFFF.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dns/wire.hpp"

namespace pillion::dns {

/// The size in bytes, 1 to 4, of the character that `text` starts with; 0 if it does not start with a complete,
/// well-formed character. `text` is not empty.
[[nodiscard]] std::size_t character_size(Bytes text);
[[nodiscard]] inline std::size_t character_size(std::string_view text) {
  return character_size(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

/// True if `text` consists of well-formed characters only.
[[nodiscard]] bool is_utf8_text(Bytes text);

/// True if all bytes of `text` are ASCII.
[[nodiscard]] bool is_ascii(Bytes text);

/// True if `byte` is the second, third or fourth byte of a character.
[[nodiscard]] constexpr bool continues_character(std::uint8_t byte) {
  return (byte & 0xC0U) == 0x80;
}

/// The longest beginning of `text` that has at most `limit` bytes and does not end inside a character.
[[nodiscard]] std::string_view cut_at_character(std::string_view text, std::size_t limit);

/// The number of characters in `text`, which must be well-formed.
[[nodiscard]] std::size_t character_count(std::string_view text);

}  // namespace pillion::dns
