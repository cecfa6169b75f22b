#include "dns/alias.hpp"

#include "dns/pointer_mover.hpp"

namespace pillion::dns {

bool append_as_alias(const MessageView& answer, Bytes alias, std::uint32_t ttl, Buffer& out) {
  constexpr std::uint16_t pointer_to_question = 0xC000U | header_size;
  const auto original = answer.bytes();
  const auto& question = answer.question();
  const auto start = out.size();
  append(out, original.first(header_size));
  const MutableBytes header(out.data() + start, header_size);
  write_u16(header, 2, answer.header().flags() & static_cast<std::uint16_t>(~(flag::ad | flag::aa)));
  write_u16(header, 6, static_cast<std::uint16_t>(answer.header().answers() + 1));
  append(out, alias);
  append_u16(out, question.type);
  append_u16(out, question.klass);
  append_u16(out, pointer_to_question);
  append_u16(out, type::cname);
  append_u16(out, question.klass);
  append_u32(out, ttl);
  append_u16(out, static_cast<std::uint16_t>(question.name.size()));
  // What pointed at the question now points at the CNAME's target, which is the same name.
  const auto target = out.size() - start;
  append(out, question.name);
  const auto records = out.size() - start;
  append(out, original.subspan(answer.question_end()));

  const auto name_end = header_size + question.name.size();
  const auto question_end = answer.question_end();
  PointerMover mover(original, MutableBytes(out).subspan(start), [=](std::size_t offset) -> std::optional<std::size_t> {
    if (offset >= question_end) return offset - question_end + records;
    if (offset >= header_size && offset < name_end) return offset - header_size + target;
    return std::nullopt;
  });
  bool moved = out.size() - start <= max_message_size;
  for_each_record(answer, [&](const Record& record) {
    if (moved) moved = mover.move_record(record);
  });
  if (!moved) out.resize(start);
  return moved;
}

}  // namespace pillion::dns
