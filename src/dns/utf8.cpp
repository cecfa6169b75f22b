#include "dns/utf8.hpp"

#include <algorithm>
#include <cstring>

namespace pillion::dns {
namespace {

// RFC 3629 section 4: the size of a character by its first byte, and the range of its second; the others are 80..BF.
struct Lead {
  std::size_t size = 0;  ///< 0 if no character starts with this byte
  std::uint8_t second_min = 0x80, second_max = 0xBF;
};

constexpr Lead lead_of(std::uint8_t byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {};  // a continuation, or the start of an overlong form
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};  // a smaller second byte makes an overlong form
  if (byte == 0xED) return {3, 0x80, 0x9F};  // a larger second byte makes a surrogate
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};  // a smaller second byte makes an overlong form
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};  // a larger second byte makes more than U+10FFFF
  return {};
}

}  // namespace

std::size_t character_size(Bytes text) {
  const auto lead = lead_of(text[0]);
  if (lead.size > text.size()) return 0;
  if (lead.size > 1 && (text[1] < lead.second_min || text[1] > lead.second_max)) return 0;
  for (std::size_t i = 2; i < lead.size; ++i) {
    if (!continues_character(text[i])) return 0;
  }
  return lead.size;
}

bool is_utf8_text(Bytes text) {
  while (!text.empty()) {
    const auto size = character_size(text);
    if (size == 0) return false;
    text = text.subspan(size);
  }
  return true;
}

// Tests eight bytes at once, since every name of a query is checked.
bool is_ascii(Bytes text) {
  using Word = std::uint64_t;
  constexpr Word top_bits = 0x8080808080808080;
  Word seen = 0;
  std::size_t i = 0;
  for (; i + sizeof(Word) <= text.size(); i += sizeof(Word)) {
    Word word = 0;
    std::memcpy(&word, text.data() + i, sizeof word);
    seen |= word;
  }
  for (std::size_t shift = 0; i < text.size(); ++i, shift += 8) seen |= Word{text[i]} << shift;
  return (seen & top_bits) == 0;
}

std::string_view cut_at_character(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && continues_character(static_cast<std::uint8_t>(text[limit]))) --limit;
  return text.substr(0, limit);
}

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return !continues_character(static_cast<std::uint8_t>(c)); }));
}

}  // namespace pillion::dns
