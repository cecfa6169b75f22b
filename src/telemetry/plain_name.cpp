#include "telemetry/plain_name.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace pillion::telemetry {
namespace {

/// Characters that one instruction compares; g++ and clang have such vectors for all processors.
using Piece [[gnu::vector_size(plain_name_spare)]] = std::uint8_t;

/// True if the text has only plain characters and `dots` dots. Looks at whole pieces: the characters up to the end of
/// the last piece have to be plain, too.
bool is_plain(const char* text, std::size_t size, std::size_t dots) {
  Piece are_plain = ~Piece{};
  Piece counted{};  // dots at each position of a piece; a name has at most 16 pieces
  for (std::size_t at = 0; at < size; at += sizeof(Piece)) {
    Piece piece;
    std::memcpy(&piece, text + at, sizeof piece);
    const Piece from_a = (piece | 0x20) - 'a';
    const Piece from_hyphen = piece - '-';  // `-`, `.`, `/` and the digits
    are_plain &= Piece((from_a < 26) | ((from_hyphen < 13) & (piece != '/')) | (piece == '_'));
    counted -= Piece(piece == '.');
  }
  const auto plain = std::bit_cast<std::array<std::uint64_t, 2>>(are_plain);
  const auto found = std::bit_cast<std::array<std::uint64_t, 2>>(counted);
  constexpr std::uint64_t sum_of_bytes = 0x0101010101010101;  // the product's highest byte is the sum, at most 255
  return ~(plain[0] & plain[1]) == 0 && (found[0] + found[1]) * sum_of_bytes >> 56U == dots;
}

}  // namespace

char* write_plain_name(dns::Bytes name, char* out) {
  if (name.size() < 2) return nullptr;
  const auto size = name.size() - 2;
  std::memcpy(out, name.data() + 1, size);
  std::memset(out + size, '-', sizeof(Piece));
  // A dot in a label needs an escape. So dots are counted: there must be no more than those between labels.
  std::size_t dots = 0;
  for (std::size_t at = name[0]; at < size; at += std::size_t{1} + name[at + 1]) {
    out[at] = '.';
    ++dots;
  }
  return is_plain(out, size, dots) ? out + size : nullptr;
}

}  // namespace pillion::telemetry
