#include "dns/response_writer.hpp"

#include <algorithm>
#include <utility>

#include "dns/name.hpp"
#include "dns/rdata.hpp"

namespace pillion::dns {
namespace {

constexpr std::uint16_t to_question = 0xC000U | header_size;

/// Only types of RFC 1035 may have compressed names in their rdata (RFC 3597 section 4).
constexpr bool may_compress(std::uint16_t rr_type) {
  switch (rr_type) {
    case type::ns:
    case type::md:
    case type::mf:
    case type::cname:
    case type::soa:
    case type::mb:
    case type::mg:
    case type::mr:
    case type::ptr:
    case type::minfo:
    case type::mx:
      return true;
    default:
      return false;
  }
}

/// The size in bytes of a field that stands before a name in a layout.
std::size_t size_of_field(char field, std::uint8_t first_byte) {
  switch (field) {
    case '1':
      return 1;
    case '2':
    case 't':
      return 2;
    case 's':
      return std::size_t{1} + first_byte;
    default:
      return 4;
  }
}

}  // namespace

void ResponseWriter::start(Buffer& out, std::uint16_t flags, Bytes name, std::uint16_t type, std::uint16_t klass) {
  out_ = &out;
  start_ = out.size();
  ttl_offsets_.clear();
  pointer_offsets_.clear();
  for (const auto slot : used_slots_) suffixes_[slot] = {};
  used_slots_.clear();
  knows_question_ = false;
  is_aliased_ = false;
  // One append for several fields: a message has many small ones.
  std::array<std::uint8_t, header_size> header{};
  write_u16(header, 2, flags);
  header[5] = 1;
  append(out, header);
  append(out, name);
  std::array<std::uint8_t, 4> type_and_class{};
  write_u16(type_and_class, 0, type);
  write_u16(type_and_class, 2, klass);
  append(out, type_and_class);
  question_end_ = size();
}

void ResponseWriter::remember_question() {
  knows_question_ = true;
  const auto name = written().subspan(header_size, question_end_ - header_size - 4);
  name_.bytes.assign(name.begin(), name.end());
  split_name();
  for (std::size_t i = 0; i < name_.starts.size(); ++i) remember(header_size + name_.starts[i], name_.hashes[i]);
}

ResponseWriter::RecordSection ResponseWriter::section_of(std::size_t index, const Header& header) {
  if (index < header.answers()) return RecordSection::answer;
  return index < std::size_t{header.answers()} + header.authorities() ? RecordSection::authority
                                                                      : RecordSection::additional;
}

/// Copies all records at once from a message that has them as they would be written, which most have: each owner name
/// is a pointer to the question, no rdata has names, and OPT is the last record. False, and nothing is copied, from
/// another message.
bool ResponseWriter::copy_records(const MessageView& message) {
  const auto bytes = message.bytes();
  if (is_aliased_ || question_end_ != message.question_end()) return false;
  const auto& opt = message.opt();
  if (opt && opt->end != bytes.size()) return false;
  const auto end = opt ? opt->owner : bytes.size();
  for (auto at = question_end_; at < end;) {
    if (read_u16(bytes, at) != to_question) return false;
    const auto record = record_after_name(bytes, at, at + sizeof to_question);
    const bool is_address = (record.type == type::a || record.type == type::aaaa) && record.klass == klass::in;
    if (!is_address && rdata_layout(record.type, record.klass).find('n') != std::string_view::npos) return false;
    at = record.end;
  }
  for (auto at = question_end_; at < end;) {
    const auto record = record_after_name(bytes, at, at + sizeof to_question);
    pointer_offsets_.push_back(static_cast<std::uint16_t>(at));
    ttl_offsets_.push_back(static_cast<std::uint16_t>(record.ttl_offset));
    at = record.end;
  }
  append(*out_, bytes.subspan(question_end_, end - question_end_));
  const auto header = message.header();
  const auto write_count = [&](RecordSection section, std::size_t count) {
    write_u16(*out_, start_ + std::to_underlying(section), static_cast<std::uint16_t>(count));
  };
  write_count(RecordSection::answer, header.answers());
  write_count(RecordSection::authority, header.authorities());
  write_count(RecordSection::additional, header.additionals() - (opt ? 1U : 0U));
  return true;
}

bool ResponseWriter::add(RecordSection section, Bytes message, const Record& record, std::uint32_t ttl) {
  write_name(message, record.owner, Use::owner);
  begin_record(record.type, record.klass, ttl);
  const auto rdata = size();
  add_rdata(message, record);
  return end_record(section, rdata);
}

bool ResponseWriter::add_alias(Bytes target, std::uint32_t ttl) {
  is_aliased_ = true;
  write_pointer(header_size);
  begin_record(type::cname, read_u16(written(), question_end_ - 2), ttl);
  const auto rdata = size();
  write_name(target, 0, Use::compressed);
  return end_record(RecordSection::answer, rdata);
}

void ResponseWriter::begin_record(std::uint16_t type, std::uint16_t klass, std::uint32_t ttl) {
  ttl_offsets_.push_back(static_cast<std::uint16_t>(size() + 4));
  std::array<std::uint8_t, 10> fields{};  // RFC 1035 3.2.1; RDLENGTH comes last, when it is known
  write_u16(fields, 0, type);
  write_u16(fields, 2, klass);
  write_u32(fields, 4, ttl);
  append(*out_, fields);
}

bool ResponseWriter::end_record(RecordSection section, std::size_t rdata) {
  if (size() > max_message_size) return false;
  write_u16(*out_, start_ + rdata - 2, static_cast<std::uint16_t>(size() - rdata));
  const auto count = start_ + std::to_underlying(section);
  write_u16(*out_, count, static_cast<std::uint16_t>(read_u16(*out_, count) + 1));
  return true;
}

void ResponseWriter::add_rdata(Bytes message, const Record& record) {
  const auto layout = rdata_layout(record.type, record.klass);
  const auto names = layout.substr(0, layout.rfind('n') + 1);  // up to the last name; empty without one: npos + 1 is 0
  const auto use = may_compress(record.type) ? Use::compressed : Use::verbatim;
  auto offset = record.rdata;
  for (const auto field : names) {
    if (field == 'n') {
      write_name(message, offset, use);
      offset += *skip_name(message, offset);
    } else {
      const auto field_size = size_of_field(field, message[offset]);
      append(*out_, message.subspan(offset, field_size));
      offset += field_size;
    }
  }
  append(*out_, message.subspan(offset, record.end - offset));
}

void ResponseWriter::write_name(Bytes message, std::size_t offset, Use use) {
  // The usual form of an owner name. Unless there is an alias, the reply has the same question at the same place.
  if (use == Use::owner && !is_aliased_ && read_u16(message, offset) == to_question) return write_pointer(header_size);
  if (!knows_question_) remember_question();
  name_.bytes.clear();
  // is_sound_reply() has accepted the name.
  static_cast<void>(unpack_name(message, offset, name_.bytes));
  if (use == Use::owner && equals_question()) return write_pointer(header_size);
  split_name();
  write_split_name(use);
}

/// Writes the labels before the longest suffix that was written earlier, then a pointer to that suffix, or the root.
/// The new suffixes are remembered only when the name is complete, since find() reads them to their ends.
void ResponseWriter::write_split_name(Use use) {
  const Bytes name = name_.bytes;
  const auto begin = size();
  std::size_t count = 0;  // of labels that are written
  std::size_t pointer = 0;
  while (count < name_.starts.size()) {
    if (use != Use::verbatim) pointer = find(name.subspan(name_.starts[count]), name_.hashes[count], use == Use::owner);
    if (pointer != 0) break;
    ++count;
  }
  const auto labels = count < name_.starts.size() ? std::size_t{name_.starts[count]} : name.size() - 1;
  append(*out_, name.first(labels));
  if (pointer != 0) {
    write_pointer(pointer);
  } else {
    out_->push_back(0);
  }
  for (std::size_t i = 0; i < count; ++i) remember(begin + name_.starts[i], name_.hashes[i]);
}

void ResponseWriter::write_pointer(std::size_t target) {
  pointer_offsets_.push_back(static_cast<std::uint16_t>(size()));
  std::array<std::uint8_t, 2> pointer{};
  write_u16(pointer, 0, static_cast<std::uint16_t>(0xC000U | target));
  append(*out_, pointer);
}

/// Finds the starts and the hashes of the suffixes of name_.bytes. The hash of a suffix is made from that of the next
/// one and a label, so that the time is in proportion to the length of the name.
void ResponseWriter::split_name() {
  const NameView name = name_.bytes;
  name_.starts.clear();
  for (auto suffix = name; !suffix.is_root(); suffix = suffix.parent())
    name_.starts.push_back(static_cast<std::uint8_t>(name.size() - suffix.size()));
  name_.hashes.resize(name_.starts.size());
  auto hash = seed_;
  for (auto i = name_.starts.size(); i-- > 0;) {
    const auto start = std::size_t{name_.starts[i]};
    const auto end = i + 1 < name_.starts.size() ? std::size_t{name_.starts[i + 1]} : name.size() - 1;
    const auto label = name.bytes().subspan(start, end - start);
    hash = hash_name(label, hash);
    name_.hashes[i] = hash;
  }
}

bool ResponseWriter::equals_question() const {
  const auto question = written().subspan(header_size, question_end_ - header_size - 4);
  return equal_names(name_.bytes, question);
}

/// The offset at which `suffix` was written before; 0 if it was not. A name in the same letter case is preferred to the
/// question, to which only owner names may point.
std::size_t ResponseWriter::find(Bytes suffix, std::uint64_t hash, bool is_owner) const {
  std::size_t in_question = 0;
  for (auto slot = hash % slots; suffixes_[slot].offset != 0; slot = (slot + 1) % slots) {
    const auto& earlier = suffixes_[slot];
    if (earlier.hash != static_cast<std::uint16_t>(hash >> 48U)) continue;
    if (earlier.offset < question_end_) {
      const auto question = written().subspan(earlier.offset, question_end_ - 4 - earlier.offset);
      if (is_owner && equal_names(suffix, question)) in_question = earlier.offset;
    } else if (is_written_at(earlier.offset, suffix, is_owner)) {
      return earlier.offset;
    }
  }
  return in_question;
}

/// True if the name written at `offset` is `suffix` in the same letter case and, unless it is for an owner name, takes
/// no labels from the question.
bool ResponseWriter::is_written_at(std::size_t offset, Bytes suffix, bool is_owner) const {
  const auto message = written();
  for (;;) {
    while ((message[offset] & label_type_bits) != 0) {
      offset = read_u16(message, offset) % pointer_reach;
      if (offset < question_end_ && !is_owner) return false;
    }
    const auto step = std::size_t{message[offset]} + 1;
    if (step > suffix.size() || !std::ranges::equal(message.subspan(offset, step), suffix.first(step))) return false;
    if (step == 1) return true;
    offset += step;
    suffix = suffix.subspan(step);
  }
}

void ResponseWriter::remember(std::size_t offset, std::uint64_t hash) {
  if (offset >= pointer_reach || used_slots_.size() == max_suffixes) return;
  auto slot = hash % slots;
  while (suffixes_[slot].offset != 0) slot = (slot + 1) % slots;
  suffixes_[slot] = {.offset = static_cast<std::uint16_t>(offset), .hash = static_cast<std::uint16_t>(hash >> 48U)};
  used_slots_.push_back(static_cast<std::uint16_t>(slot));
}

}  // namespace pillion::dns
