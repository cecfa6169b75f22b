// append_without_opt: takes the OPT record out of a message and mends the compression pointers behind it.

#include "dns/edns.hpp"
#include "dns/rdata.hpp"

namespace pillion::dns {
namespace {

// Mends the names behind the bytes [cut_start, cut_end) of `original` in `rewritten`, which is the same message without
// these.
class PointerMover {
 public:
  PointerMover(Bytes original, MutableBytes rewritten, std::size_t cut_start, std::size_t cut_end)
      : original_(original), rewritten_(rewritten), cut_start_(cut_start), cut_end_(cut_end) {}

  [[nodiscard]] bool move_record(const Record& record) {
    return move_name(record.owner).has_value() && move_rdata(record);
  }

 private:
  [[nodiscard]] bool move_rdata(const Record& record) {
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

  // Of the fields that stand before a name.
  [[nodiscard]] std::optional<std::size_t> size_of_field(char field, std::size_t offset, std::size_t end) const {
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

  // Mends one name; its size in the message, or nullopt where that is not possible.
  [[nodiscard]] std::optional<std::size_t> move_name(std::size_t offset) {
    const auto shift = cut_end_ - cut_start_;
    before_.clear();
    if (!unpack_name(original_, offset, before_)) return std::nullopt;
    const auto size = *skip_name(original_, offset);
    const auto pointer = offset + size - 2;
    if (size >= 2 && ends_in_pointer(offset)) {
      const auto target = static_cast<std::size_t>(read_u16(original_, pointer) & 0x3FFFU);
      if (target >= cut_start_ && target < cut_end_) return std::nullopt;
      if (target >= cut_end_) {
        write_u16(rewritten_, pointer - shift, static_cast<std::uint16_t>(0xC000U | (target - shift)));
      }
    }
    // What a pointer leads to may be other than a name that was mended here: bytes of a TXT record, say.
    after_.clear();
    if (!unpack_name(rewritten_, offset - shift, after_) || before_ != after_) return std::nullopt;
    return size;
  }

  [[nodiscard]] bool ends_in_pointer(std::size_t name) const {
    while (original_[name] != 0 && original_[name] <= max_label_size) name += std::size_t{original_[name]} + 1;
    return original_[name] != 0;
  }

  Bytes original_;
  MutableBytes rewritten_;
  std::size_t cut_start_;
  std::size_t cut_end_;
  Buffer before_;
  Buffer after_;
};

}  // namespace

bool append_without_opt(const MessageView& message, Buffer& out) {
  const auto bytes = message.bytes();
  const auto& opt = message.opt();
  if (!opt) {
    append(out, bytes);
    return true;
  }
  const auto start = out.size();
  append(out, bytes.first(opt->owner));
  append(out, bytes.subspan(opt->end));
  write_u16(out, start + 10, static_cast<std::uint16_t>(message.header().additionals() - 1));
  if (opt->end == bytes.size()) return true;

  PointerMover mover(bytes, MutableBytes(out).subspan(start), opt->owner, opt->end);
  bool mended = true;
  for_each_record(message, [&](const Record& record) {
    if (mended && record.owner >= opt->end) mended = mover.move_record(record);
  });
  if (!mended) out.resize(start);
  return mended;
}

}  // namespace pillion::dns
