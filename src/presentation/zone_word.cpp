#include "presentation/zone_word.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "dns/name.hpp"

namespace pillion::presentation {
namespace {

constexpr std::string_view blanks = " \t\r";

// The place of the quotation mark that ends the text at `at`; nullopt if there is none.
std::optional<std::size_t> end_of_quoted(std::string_view line, std::size_t at) {
  for (; at < line.size(); ++at) {
    if (line[at] == '"') return at;
    if (line[at] == '\\') ++at;
  }
  return std::nullopt;
}

std::size_t end_of_word(std::string_view line, std::size_t at) {
  static constexpr std::string_view ends = " \t\r\n;()\"";
  for (; at < line.size() && ends.find(line[at]) == std::string_view::npos; ++at) {
    if (line[at] == '\\') ++at;
  }
  return std::min(at, line.size());
}

// True if the last character is a dot that no backslash escapes.
bool is_absolute(std::string_view text) {
  if (!text.ends_with('.')) return false;
  text.remove_suffix(1);
  const auto before = text.find_last_not_of('\\');
  const auto backslashes = before == std::string_view::npos ? text.size() : text.size() - before - 1;
  return backslashes % 2 == 0;
}

}  // namespace

std::expected<std::vector<Word>, std::string> split_zone_line(std::string_view line) {
  std::vector<Word> words;
  std::size_t open = 0;
  for (std::size_t at = 0; at < line.size();) {
    const auto c = line[at];
    if (c == ';') {
      at = std::min(line.find('\n', at), line.size());
    } else if (c == '\n') {
      if (open == 0 && line.find_first_not_of(" \t\r\n", at) != std::string_view::npos)
        return std::unexpected(
            "the text continues on a second line; allowed: one record, with line breaks only inside parentheses");
      ++at;
    } else if (blanks.find(c) != std::string_view::npos) {
      ++at;
    } else if (c == '(') {
      ++open;
      ++at;
    } else if (c == ')') {
      if (open == 0) return std::unexpected("`)` has no `(` before it; allowed: both, or `\\)` for the character");
      --open;
      ++at;
    } else if (c == '"') {
      const auto end = end_of_quoted(line, at + 1);
      if (!end)
        return std::unexpected("a quotation mark has no closing one; allowed: both, or `\\\"` for the character");
      words.push_back({.text = line.substr(at + 1, *end - at - 1), .quoted = true});
      at = *end + 1;
    } else {
      const auto end = end_of_word(line, at);
      words.push_back({.text = line.substr(at, end - at), .quoted = false});
      at = end;
    }
  }
  if (open != 0) return std::unexpected("`(` has no `)` after it; allowed: both, or `\\(` for the character");
  return words;
}

std::string shown(std::string_view word) {
  constexpr std::size_t longest = 60;
  std::string text = "`";
  for (const auto c : word.substr(0, longest)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= ' ' && byte <= '~') {
      text += c;
    } else {
      dns::append_decimal_escape(text, byte);
    }
  }
  return text + (word.size() > longest ? "...`" : "`");
}

std::expected<dns::Buffer, std::string> read_zone_string(const Word& word) {
  dns::Buffer bytes;
  for (auto text = word.text; !text.empty();) {
    const auto c = text[0];
    text.remove_prefix(1);
    if (c != '\\') {
      bytes.push_back(static_cast<std::uint8_t>(c));
      continue;
    }
    const auto escaped = dns::read_escape(text);
    if (!escaped)
      return std::unexpected(shown(word.text) + " has " + escaped.error() +
                             R"(; allowed: `\DDD` with 000 to 255, and `\\` for a backslash)");
    bytes.push_back(*escaped);
  }
  return bytes;
}

std::expected<dns::Buffer, std::string> read_zone_name(const Word& word, dns::Bytes origin) {
  constexpr std::string_view allowed = "; allowed: labels of 1 to 63 bytes between dots, 255 bytes in all";
  if (word.quoted) return std::unexpected(shown(word.text) + " is in quotes; allowed: a name without them");
  if (word.text == "@") return dns::Buffer(origin.begin(), origin.end());
  auto name = dns::parse_name(word.text);
  if (!name) return std::unexpected(shown(word.text) + " is not a name: " + name.error() + std::string(allowed));
  if (is_absolute(word.text)) return name;
  if (origin.size() > 1 && dns::NameView(*name).is_within(origin)) {
    return std::unexpected(shown(word.text) + " ends in the zone's name but not in a dot: Pillion would append " +
                           shown(dns::to_text(origin)) + " to it; allowed: a final dot, or the name without the zone");
  }
  name->pop_back();
  dns::append(*name, origin);
  if (name->size() > dns::max_name_size)
    return std::unexpected(shown(word.text) + " is too long with the zone appended, which is " +
                           shown(dns::to_text(origin)) + std::string(allowed));
  return name;
}

std::optional<std::uint32_t> parse_zone_time(std::string_view text, std::uint32_t max) {
  constexpr std::string_view units = "smhdw";
  constexpr std::array<std::uint64_t, units.size()> seconds{1, 60, 3'600, 86'400, 604'800};
  std::uint64_t total = 0;
  for (bool first = true; first || !text.empty(); first = false) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    std::uint64_t factor = 1;
    if (text.empty()) {
      if (!first) return std::nullopt;  // such as "1h30", of which the last number has no unit
    } else {
      const auto unit = units.find(static_cast<char>(text[0] | 0x20));
      if (unit == std::string_view::npos) return std::nullopt;
      factor = seconds.at(unit);
      text.remove_prefix(1);
    }
    total += number * factor;
    if (total > max) return std::nullopt;
  }
  return static_cast<std::uint32_t>(total);
}

}  // namespace pillion::presentation
