#include "dns/pointer_mover.hpp"

#include "dns/rdata.hpp"

namespace pillion::dns {
namespace {

constexpr std::size_t max_pointer_target = 0x3FFF;  // RFC 1035 4.1.4: 14 bits

}  // namespace

bool PointerMover::move_rdata(const Record& record) {
  const auto layout = rdata_layout(record.type);
  const auto last_name = layout.rfind('n');
  // Records of a dynamic update may have no rdata whatever their type (RFC 2136 2.5).
  if (last_name == std::string_view::npos || record.rdata_size == 0) return true;
  auto offset = record.rdata;
  for (const auto field : layout.substr(0, last_name + 1)) {
    const auto size = field == 'n' ? move_name(offset) : size_of_field(field, offset, record.end);
    if (!size || *size > record.end - offset) return false;
    offset += *size;
  }
  return true;
}

/// Of the fields that stand before a name.
std::optional<std::size_t> PointerMover::size_of_field(char field, std::size_t offset, std::size_t end) const {
  switch (field) {
    case '1':
      return 1;
    case '2':
    case 't':
      return 2;
    case '4':
    case 'T':
      return 4;
    case 's':
      if (offset >= end) return std::nullopt;
      return std::size_t{1} + original_[offset];
    default:
      return std::nullopt;
  }
}

/// Mends one name; its size in the message, or nullopt where that is not possible.
std::optional<std::size_t> PointerMover::move_name(std::size_t offset) {
  before_.clear();
  if (!unpack_name(original_, offset, before_)) return std::nullopt;
  const auto size = *skip_name(original_, offset);
  const auto moved = map_(offset);
  if (!moved) return std::nullopt;
  if (size >= 2 && ends_in_pointer(offset)) {
    const auto target = map_(read_u16(original_, offset + size - 2) & max_pointer_target);
    if (!target || *target > max_pointer_target) return std::nullopt;
    write_u16(rewritten_, *moved + size - 2, static_cast<std::uint16_t>(0xC000U | *target));
  }
  // What a pointer leads to may be other than a name that was mended here: bytes of a TXT record, say.
  after_.clear();
  if (!unpack_name(rewritten_, *moved, after_) || before_ != after_) return std::nullopt;
  return size;
}

bool PointerMover::ends_in_pointer(std::size_t name) const {
  while (original_[name] != 0 && original_[name] <= max_label_size) name += std::size_t{original_[name]} + 1;
  return original_[name] != 0;
}

}  // namespace pillion::dns
