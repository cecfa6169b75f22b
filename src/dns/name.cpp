#include "dns/name.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace pillion::dns {
namespace {

using Word = std::uint64_t;

constexpr Word every_byte(std::uint8_t value) {
  return value * Word{0x0101010101010101};
}

Word load(const std::uint8_t* bytes) {
  Word word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// Fewer than eight bytes, the rest zero.
Word load_some(const std::uint8_t* bytes, std::size_t count) {
  Word word = 0;
  for (std::size_t i = 0; i < count; ++i) word |= Word{bytes[i]} << 8 * i;
  return word;
}

// Eight bytes at once to ASCII lower case. Label lengths stand among them unharmed: 63 is less than 'A'.
constexpr Word to_lower(Word word) {
  const auto low_bits = word & every_byte(0x7F);
  const auto from_a = low_bits + every_byte(0x80 - 'A');        // top bit set: at least 'A'
  const auto beyond_z = low_bits + every_byte(0x80 - 'Z' - 1);  // top bit set: more than 'Z'
  const auto upper = from_a & ~beyond_z & ~word & every_byte(0x80);
  return word | upper >> 2;
}

// Both halves of the 128-bit product, folded into one: each bit of the result depends on all bits of both factors.
constexpr Word fold(Word a, Word b) {
  __extension__ using Wide = unsigned __int128;
  const auto product = Wide{a} * b;
  return static_cast<Word>(product) ^ static_cast<Word>(product >> 64U);
}

bool is_ascii(Bytes bytes) {
  Word seen = 0;
  std::size_t i = 0;
  for (; i + sizeof(Word) <= bytes.size(); i += sizeof(Word)) seen |= load(bytes.data() + i);
  seen |= load_some(bytes.data() + i, bytes.size() - i);
  return (seen & every_byte(0x80)) == 0;
}

// RFC 3629 section 4: the size of a character by its first byte, and the range of its second; the others are 80..BF.
struct Lead {
  std::size_t size = 0;  ///< 0 where no character starts with this byte
  std::uint8_t second_min = 0x80, second_max = 0xBF;
};

constexpr Lead lead_of(std::uint8_t byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {};  // a continuation, or the start of an overlong form
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};  // less is overlong
  if (byte == 0xED) return {3, 0x80, 0x9F};  // more is a surrogate
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};  // less is overlong
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};  // more is beyond U+10FFFF
  return {};
}

void append_decimal_escape(std::string& out, std::uint8_t byte) {
  out += '\\';
  out += static_cast<char>('0' + byte / 100);
  out += static_cast<char>('0' + byte / 10 % 10);
  out += static_cast<char>('0' + byte % 10);
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

bool equal_names(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  std::size_t i = 0;
  for (; i + sizeof(Word) <= a.size(); i += sizeof(Word)) {
    if (to_lower(load(a.data() + i)) != to_lower(load(b.data() + i))) return false;
  }
  const auto left = a.size() - i;
  return to_lower(load_some(a.data() + i, left)) == to_lower(load_some(b.data() + i, left));
}

std::uint64_t hash_name(Bytes name, std::uint64_t seed) {
  // Every factor is derived from the seed: with a constant one an outsider could choose words that make the product
  // zero.
  const auto factor = fold(seed ^ 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93) | 1U;
  auto hash = fold(seed + name.size(), factor);
  std::size_t i = 0;
  for (; i + sizeof(Word) <= name.size(); i += sizeof(Word))
    hash = fold(hash ^ to_lower(load(name.data() + i)), factor);
  hash = fold(hash ^ to_lower(load_some(name.data() + i, name.size() - i)), factor);
  return fold(hash, 0xA0761D6478BD642F);
}

std::string to_text(Bytes name) {
  static constexpr std::string_view escaped = ".\\\"();@$";
  std::string out;
  while (!name.empty() && name[0] != 0) {
    const auto label = name.subspan(1, std::min<std::size_t>(name[0], name.size() - 1));
    for (const auto byte : label) {
      if (byte <= ' ' || byte > '~') {
        append_decimal_escape(out, byte);
        continue;
      }
      if (escaped.find(static_cast<char>(byte)) != std::string_view::npos) out += '\\';
      out += static_cast<char>(byte);
    }
    out += '.';
    name = name.subspan(1 + label.size());
  }
  return out.empty() ? "." : out;
}

std::expected<std::uint8_t, std::string> read_escape(std::string_view& text) {
  if (text.empty()) return std::unexpected("a backslash at the end");
  if (!is_digit(text[0])) {
    const auto byte = static_cast<std::uint8_t>(text[0]);
    text.remove_prefix(1);
    return byte;
  }
  if (text.size() < 3 || !is_digit(text[1]) || !is_digit(text[2])) {
    return std::unexpected("an escape \\DDD needs three digits");
  }
  const auto value = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  if (value > 255) return std::unexpected("an escape \\DDD above 255");
  text.remove_prefix(3);
  return static_cast<std::uint8_t>(value);
}

std::expected<Buffer, std::string> parse_name(std::string_view text) {
  if (text.empty()) return std::unexpected("an empty name (the root is \".\")");
  Buffer name = {0};
  std::size_t label_start = 0;
  const auto label_size = [&] { return name.size() - label_start - 1; };
  if (text == ".") return name;
  while (!text.empty()) {
    const auto c = text[0];
    text.remove_prefix(1);
    if (c == '.') {
      if (label_size() == 0) return std::unexpected("an empty label");
      name[label_start] = static_cast<std::uint8_t>(label_size());
      label_start = name.size();
      name.push_back(0);
      continue;
    }
    auto byte = static_cast<std::uint8_t>(c);
    if (c == '\\') {
      const auto escape = read_escape(text);
      if (!escape) return std::unexpected(escape.error());
      byte = *escape;
    }
    if (label_size() == max_label_size) return std::unexpected("a label longer than 63 bytes");
    name.push_back(byte);
  }
  if (label_size() != 0) {
    name[label_start] = static_cast<std::uint8_t>(label_size());
    name.push_back(0);
  }
  if (name.size() > max_name_size) return std::unexpected("a name longer than 255 bytes");
  return name;
}

bool is_utf8_text(Bytes text) {
  while (!text.empty()) {
    const auto lead = lead_of(text[0]);
    if (lead.size == 0 || lead.size > text.size()) return false;
    if (lead.size > 1 && (text[1] < lead.second_min || text[1] > lead.second_max)) return false;
    for (std::size_t i = 2; i < lead.size; ++i) {
      if ((text[i] & 0xC0U) != 0x80) return false;
    }
    text = text.subspan(lead.size);
  }
  return true;
}

bool is_utf8(Bytes name) {
  if (is_ascii(name)) return true;
  while (!name.empty() && name[0] != 0) {
    const auto size = std::min<std::size_t>(name[0], name.size() - 1);
    if (!is_utf8_text(name.subspan(1, size))) return false;
    name = name.subspan(1 + size);
  }
  return true;
}

}  // namespace pillion::dns
