// append_without_opt: takes the OPT record out of a message and mends the compression pointers behind it.

#include "dns/edns.hpp"
#include "dns/pointer_mover.hpp"

namespace pillion::dns {

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

  const auto cut_start = opt->owner;
  const auto cut_end = opt->end;
  PointerMover mover(bytes, MutableBytes(out).subspan(start),
                     [cut_start, cut_end](std::size_t offset) -> std::optional<std::size_t> {
                       if (offset < cut_start) return offset;
                       if (offset < cut_end) return std::nullopt;
                       return offset - (cut_end - cut_start);
                     });
  bool mended = true;
  for_each_record(message, [&](const Record& record) {
    if (mended && record.owner >= cut_end) mended = mover.move_record(record);
  });
  if (!mended) out.resize(start);
  return mended;
}

}  // namespace pillion::dns
