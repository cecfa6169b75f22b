#include "dns/name.hpp"

#include <algorithm>
#include <cstring>

#include "dns/utf8.hpp"

namespace pillion::dns {
namespace {

using MachineWord = std::uint64_t;

constexpr MachineWord every_byte(std::uint8_t value) {
  return value * MachineWord{0x0101010101010101};
}

MachineWord load(const std::uint8_t* bytes) {
  MachineWord word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// Loads fewer than eight bytes; the others are 0.
MachineWord load_some(const std::uint8_t* bytes, std::size_t count) {
  MachineWord word = 0;
  for (std::size_t i = 0; i < count; ++i) word |= MachineWord{bytes[i]} << 8 * i;
  return word;
}

// Changes eight bytes at once to ASCII lower case. Length bytes among them stay as they are: 63 is less than 'A'.
constexpr MachineWord to_lower(MachineWord word) {
  const auto low_bits = word & every_byte(0x7F);
  const auto from_a = low_bits + every_byte(0x80 - 'A');        // top bit set: at least 'A'
  const auto beyond_z = low_bits + every_byte(0x80 - 'Z' - 1);  // top bit set: more than 'Z'
  const auto upper = from_a & ~beyond_z & ~word & every_byte(0x80);
  return word | upper >> 2;
}

// Folds the two halves of the 128-bit product into one: each bit of the result depends on all bits of both factors.
constexpr MachineWord fold(MachineWord a, MachineWord b) {
  __extension__ using Wide = unsigned __int128;
  const auto product = Wide{a} * b;
  return static_cast<MachineWord>(product) ^ static_cast<MachineWord>(product >> 64U);
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

bool equal_names(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  std::size_t i = 0;
  for (; i + sizeof(MachineWord) <= a.size(); i += sizeof(MachineWord)) {
    if (to_lower(load(a.data() + i)) != to_lower(load(b.data() + i))) return false;
  }
  const auto left = a.size() - i;
  return to_lower(load_some(a.data() + i, left)) == to_lower(load_some(b.data() + i, left));
}

std::uint64_t hash_name(Bytes name, std::uint64_t seed) {
  // Every factor is derived from the seed: for a constant one, a client could choose words that make the product 0.
  const auto factor = fold(seed ^ 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93) | 1U;
  auto hash = fold(seed + name.size(), factor);
  std::size_t i = 0;
  for (; i + sizeof(MachineWord) <= name.size(); i += sizeof(MachineWord))
    hash = fold(hash ^ to_lower(load(name.data() + i)), factor);
  hash = fold(hash ^ to_lower(load_some(name.data() + i, name.size() - i)), factor);
  return fold(hash, 0xA0761D6478BD642F);
}

void append_decimal_escape(std::string& out, std::uint8_t byte) {
  out += '\\';
  out += static_cast<char>('0' + byte / 100);
  out += static_cast<char>('0' + byte / 10 % 10);
  out += static_cast<char>('0' + byte % 10);
}

std::string to_text(Bytes name) {
  static constexpr std::string_view escaped = ".\\\"();@$";
  std::string out;
  for (const auto label : NameView(name).labels()) {
    for (const auto byte : label) {
      if (byte <= ' ' || byte > '~') {
        append_decimal_escape(out, byte);
        continue;
      }
      if (escaped.find(static_cast<char>(byte)) != std::string_view::npos) out += '\\';
      out += static_cast<char>(byte);
    }
    out += '.';
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

bool is_utf8(NameView name) {
  return is_ascii(name) || std::ranges::all_of(name.labels(), is_utf8_text);
}

}  // namespace pillion::dns
