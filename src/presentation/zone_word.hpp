#pragma once
// The words of one line of a zone file (RFC 1035 section 5.1), and the values of single words. Only this room includes
// this file.

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/wire.hpp"

namespace pillion::presentation {

struct Word {
  std::string_view text;  ///< a view of the line, with escapes but without quotation marks
  bool quoted = false;
};
using Words = std::span<const Word>;

/// Splits a line at its blanks. Leaves out comments and parentheses. The error says what is wrong and what would be
/// right.
[[nodiscard]] std::expected<std::vector<Word>, std::string> split_zone_line(std::string_view line);

/// Formats a word for an error message of one line: in backquotes, cut to 60 bytes, with `\DDD` for each byte that is
/// not printable ASCII.
[[nodiscard]] std::string shown(std::string_view word);

/// The bytes of a word, with its escapes replaced. The error says which escape is wrong and what would be right.
[[nodiscard]] std::expected<dns::Buffer, std::string> read_zone_string(const Word& word);

/// Reads a name into wire form. `@` is `origin`, which also completes relative names. The error says what is wrong and
/// what would be right.
[[nodiscard]] std::expected<dns::Buffer, std::string> read_zone_name(const Word& word, dns::Bytes origin);

/// Reads a time in seconds: a number, or numbers with the units w, d, h, m and s in any letter case. nullopt for other
/// text, and for a time of more than `max` seconds.
[[nodiscard]] std::optional<std::uint32_t> parse_zone_time(std::string_view text, std::uint32_t max);

}  // namespace pillion::presentation
