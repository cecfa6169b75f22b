#include "dns/response_writer.hpp"

#include <algorithm>

#include "dns/name.hpp"
#include "dns/rdata.hpp"

namespace pillion::dns {
namespace {

constexpr std::size_t pointer_reach = 0x4000;  // RFC 1035 4.1.4: an offset has 14 bits
constexpr std::uint8_t pointer_bits = 0xC0;
constexpr std::size_t counts_offset = 6;  // RFC 1035 4.1.1: ANCOUNT; the other two follow

/// RFC 3597 section 4: the types of RFC 1035 alone may have compressed names in their rdata.
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

/// How many bytes a field that stands before a name takes.
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
  suffixes_.fill({});
  suffix_count_ = 0;
  append_u16(out, 0);
  append_u16(out, flags);
  append_u16(out, 1);
  append_u16(out, 0);
  append_u32(out, 0);
  append(out, name);
  append_u16(out, type);
  append_u16(out, klass);
  question_end_ = size();
  name_.bytes.assign(name.begin(), name.end());
  split_name();
  for (std::size_t i = 0; i < name_.starts.size(); ++i) remember(header_size + name_.starts[i], name_.hashes[i]);
}

ResponseWriter::Section ResponseWriter::section_of(std::size_t index, const Header& header) {
  if (index < header.answers()) return Section::answer;
  return index < std::size_t{header.answers()} + header.authorities() ? Section::authority : Section::additional;
}

bool ResponseWriter::add(Section section, Bytes message, const Record& record, std::uint32_t ttl) {
  write_name(message, record.owner, Use::owner);
  begin_record(record.type, record.klass, ttl);
  const auto rdata = size();
  add_rdata(message, record);
  return end_record(section, rdata);
}

bool ResponseWriter::add_alias(Bytes target, std::uint32_t ttl) {
  write_pointer(header_size);
  begin_record(type::cname, read_u16(written(), question_end_ - 2), ttl);
  const auto rdata = size();
  write_name(target, 0, Use::compressed);
  return end_record(Section::answer, rdata);
}

void ResponseWriter::begin_record(std::uint16_t type, std::uint16_t klass, std::uint32_t ttl) {
  append_u16(*out_, type);
  append_u16(*out_, klass);
  ttl_offsets_.push_back(static_cast<std::uint16_t>(size()));
  append_u32(*out_, ttl);
  append_u16(*out_, 0);
}

bool ResponseWriter::end_record(Section section, std::size_t rdata) {
  if (size() > max_message_size) return false;
  write_u16(*out_, start_ + rdata - 2, static_cast<std::uint16_t>(size() - rdata));
  const auto count = start_ + counts_offset + 2 * static_cast<std::size_t>(section);
  write_u16(*out_, count, static_cast<std::uint16_t>(read_u16(*out_, count) + 1));
  return true;
}

void ResponseWriter::add_rdata(Bytes message, const Record& record) {
  const auto layout = rdata_layout(record.type);
  const auto names = layout.substr(0, layout.rfind('n') + 1);  // up to the last name; npos + 1 is 0
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
  name_.bytes.clear();
  // What is_sound_reply() has passed can be unpacked.
  static_cast<void>(unpack_name(message, offset, name_.bytes));
  if (use == Use::owner && equals_question()) return write_pointer(header_size);
  split_name();
  write_split_name(use);
}

/// Writes the labels that were not written before, then a pointer to the rest or the root.
void ResponseWriter::write_split_name(Use use) {
  const Bytes name = name_.bytes;
  for (std::size_t i = 0; i < name_.starts.size(); ++i) {
    const auto suffix = name.subspan(name_.starts[i]);
    const auto earlier = find(suffix, name_.hashes[i], use == Use::owner);
    if (earlier != 0 && use != Use::verbatim) return write_pointer(earlier);
    if (earlier == 0) remember(size(), name_.hashes[i]);
    append(*out_, suffix.first(std::size_t{suffix[0]} + 1));
  }
  out_->push_back(0);
}

void ResponseWriter::write_pointer(std::size_t target) {
  pointer_offsets_.push_back(static_cast<std::uint16_t>(size()));
  append_u16(*out_, static_cast<std::uint16_t>(0xC000U | target));
}

/// Fills in the suffixes of name_.bytes. A suffix's hash follows from that of the next, so that a long name costs no
/// more than its length.
void ResponseWriter::split_name() {
  const Bytes name = name_.bytes;
  name_.starts.clear();
  for (std::size_t at = 0; name[at] != 0; at += std::size_t{name[at]} + 1)
    name_.starts.push_back(static_cast<std::uint8_t>(at));
  name_.hashes.resize(name_.starts.size());
  std::uint64_t hash = 0;
  for (auto i = name_.starts.size(); i-- > 0;) {
    const auto label = name.subspan(name_.starts[i], std::size_t{name[name_.starts[i]]} + 1);
    hash = hash_name(label, hash);
    name_.hashes[i] = hash;
  }
}

bool ResponseWriter::equals_question() const {
  const auto question = written().subspan(header_size, question_end_ - header_size - 4);
  return equal_names(name_.bytes, question);
}

/// Where `suffix` was written before; 0 if it was not. Other names in the same letters come first, since only an owner
/// name may take those of the question.
std::size_t ResponseWriter::find(Bytes suffix, std::uint64_t hash, bool is_owner) const {
  std::size_t in_question = 0;
  for (auto slot = hash % slots; suffixes_[slot].offset != 0; slot = (slot + 1) % slots) {
    const auto& earlier = suffixes_[slot];
    if (earlier.hash != static_cast<std::uint16_t>(hash >> 48U)) continue;
    if (earlier.offset < question_end_) {
      const auto question = written().subspan(earlier.offset, question_end_ - 4 - earlier.offset);
      if (is_owner && equal_names(suffix, question)) in_question = earlier.offset;
    } else if (is_written_at(earlier.offset, suffix)) {
      return earlier.offset;
    }
  }
  return in_question;
}

/// True if the name written at `offset` is `suffix`, letter by letter, and has none of its letters from the question.
bool ResponseWriter::is_written_at(std::size_t offset, Bytes suffix) const {
  const auto message = written();
  for (;;) {
    while ((message[offset] & pointer_bits) != 0) {
      offset = read_u16(message, offset) % pointer_reach;
      if (offset < question_end_) return false;
    }
    const auto step = std::size_t{message[offset]} + 1;
    if (step > suffix.size() || !std::ranges::equal(message.subspan(offset, step), suffix.first(step))) return false;
    if (step == 1) return true;
    offset += step;
    suffix = suffix.subspan(step);
  }
}

void ResponseWriter::remember(std::size_t offset, std::uint64_t hash) {
  if (offset >= pointer_reach || suffix_count_ == max_suffixes) return;
  ++suffix_count_;
  auto slot = hash % slots;
  while (suffixes_[slot].offset != 0) slot = (slot + 1) % slots;
  suffixes_[slot] = {.offset = static_cast<std::uint16_t>(offset), .hash = static_cast<std::uint16_t>(hash >> 48U)};
}

}  // namespace pillion::dns
