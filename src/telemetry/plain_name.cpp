#include "telemetry/plain_name.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace pillion::telemetry {
namespace {

/// Characters that one instruction compares; g++ and clang have such vectors for all processors.
using Piece [[gnu::vector_size(plain_name_spare)]] = std::uint8_t;

/// Compares whole pieces: the characters up to the end of the last piece have to be plain, too.
bool are_plain(const char* text, std::size_t size) {
  Piece are_plain = ~Piece{};
  for (std::size_t at = 0; at < size; at += sizeof(Piece)) {
    Piece piece;
    std::memcpy(&piece, text + at, sizeof piece);
    const Piece from_a = (piece | 0x20) - 'a';
    const Piece from_0 = piece - '0';
    are_plain &= Piece((from_a < 26) | (from_0 < 10) | (piece == '-') | (piece == '_'));
  }
  const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(are_plain);
  return ~(halves[0] & halves[1]) == 0;
}

/// Writes `character` between the labels of a name, which is in wire form and not the root.
void separate_labels(dns::Bytes name, char* out, char character) {
  for (std::size_t at = std::size_t{1} + name[0]; name[at] != 0; at += std::size_t{1} + name[at])
    out[at - 1] = character;
}

}  // namespace

char* write_plain_name(dns::Bytes name, char* out) {
  if (name.size() < 2) return nullptr;
  const auto size = name.size() - 2;
  std::memcpy(out, name.data() + 1, size);
  std::memset(out + size, '-', sizeof(Piece));
  // A dot in a label needs an escape, so that dots are written after the comparison.
  separate_labels(name, out, '-');
  if (!are_plain(out, size)) return nullptr;
  separate_labels(name, out, '.');
  return out + size;
}

}  // namespace pillion::telemetry
