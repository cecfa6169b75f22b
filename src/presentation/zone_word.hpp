#pragma once
// The words of one line of a zone file (RFC 1035 section 5.1), and the values that single words stand for. Used inside
// this room only.

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
  std::string_view text;  ///< a view of the line, its escapes still in and the quotation marks taken off
  bool quoted = false;
};
using Words = std::span<const Word>;

/// Splits a line at its blanks, without comments and parentheses. The error says what is wrong with it.
[[nodiscard]] std::expected<std::vector<Word>, std::string> split_zone_line(std::string_view line);

/// A word for a message of one line: in backquotes, what is not printable ASCII as `\DDD`, cut to 60 characters.
[[nodiscard]] std::string shown(std::string_view word);

/// The bytes that a word's text stands for.
[[nodiscard]] std::expected<dns::Buffer, std::string> read_zone_string(const Word& word);

/// A name in wire form, `@` and relative ones completed by `origin`.
[[nodiscard]] std::expected<dns::Buffer, std::string> read_zone_name(const Word& word, dns::Bytes origin);

/// Seconds: a number, or numbers with the units w, d, h, m and s in any case. nullopt for anything else or above `max`.
[[nodiscard]] std::optional<std::uint32_t> parse_zone_time(std::string_view text, std::uint32_t max);

}  // namespace pillion::presentation
