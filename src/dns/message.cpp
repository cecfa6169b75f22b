#include "dns/message.hpp"

#include "dns/edns.hpp"

namespace pillion::dns {
namespace {

constexpr std::size_t pointer_size = 2;
constexpr std::size_t record_fixed_size = 10;  // type, class, TTL, RDLENGTH (RFC 1035 4.1.3)
// A name has at most 127 labels, and no message needs more than one pointer for each.
constexpr int max_pointers = 127;

// Calls `take` with each label, its length byte included, of the possibly compressed name at `offset`, the root's too.
// Returns what skip_name() does.
template <typename Take>
std::optional<std::size_t> walk_name(Bytes message, std::size_t offset, Take take) {
  auto position = offset;
  auto run_start = offset;
  auto limit = message.size();
  std::size_t unpacked = 0;
  std::size_t size = 0;  // of the name in place; 0 until the first pointer is read
  int pointers = 0;
  for (;;) {
    if (position >= limit) return std::nullopt;
    const auto length = message[position];
    if ((length & label_type_bits) == 0) {
      const auto step = std::size_t{length} + 1;
      unpacked += step;
      if (unpacked > max_name_size || step > limit - position) return std::nullopt;
      take(message.subspan(position, step));
      position += step;
      if (length == 0) return size != 0 ? size : position - offset;
    } else {
      if ((length & label_type_bits) != label_type_bits || limit - position < pointer_size) return std::nullopt;
      const auto target = static_cast<std::size_t>(read_u16(message, position) & 0x3FFFU);
      if (target < header_size || target >= run_start || ++pointers > max_pointers) return std::nullopt;
      if (size == 0) size = position + pointer_size - offset;
      limit = run_start;  // "a prior occurrence" ends before the labels begin that the pointer follows
      position = run_start = target;
    }
  }
}

// The question's name has a walk of its own: it has no pointers, and each fault has its own reason.
std::expected<std::size_t, ParseError> question_name_end(Bytes message) {
  auto position = header_size;
  for (;;) {
    if (position >= message.size()) return std::unexpected(ParseError::truncated_name);
    const auto length = message[position];
    if ((length & label_type_bits) != 0) {
      return std::unexpected((length & label_type_bits) == label_type_bits ? ParseError::compressed_name
                                                                           : ParseError::long_name);
    }
    position += std::size_t{length} + 1;
    if (position - header_size > max_name_size) return std::unexpected(ParseError::long_name);
    if (length == 0) return position;
  }
}

/// True if the data of the OPT record is a list of options. Only version 0 is known to have one: the answer to another
/// version is BADVERS (RFC 6891 section 6.1.3).
bool options_fit(Bytes message, const Record& opt) {
  const auto edns = edns_of(message, opt);
  return edns.version != 0 || for_each_option(edns.options, [](std::uint16_t /*code*/, Bytes /*value*/) {}).empty();
}

}  // namespace

std::string_view to_string(ParseError error) {
  switch (error) {
    case ParseError::short_header:
      return "short_header";
    case ParseError::question_count:
      return "question_count";
    case ParseError::truncated_name:
      return "truncated_name";
    case ParseError::compressed_name:
      return "compressed_name";
    case ParseError::long_name:
      return "long_name";
    case ParseError::truncated_question:
      return "truncated_question";
    case ParseError::malformed_record:
      return "malformed_record";
    case ParseError::malformed_edns:
      return "malformed_edns";
    case ParseError::misplaced_tsig:
      return "misplaced_tsig";
    case ParseError::trailing_bytes:
      return "trailing_bytes";
  }
  return "unknown";
}

std::optional<Header> Header::of(Bytes message) {
  if (message.size() < header_size) return std::nullopt;
  return Header(message);
}

std::optional<std::size_t> skip_name(Bytes message, std::size_t offset) {
  return walk_name(message, offset, [](Bytes) {});
}

std::optional<std::size_t> skip_name(Bytes message, std::size_t offset, LabelBudget& budget) {
  std::size_t labels = 0;
  const auto size = walk_name(message, offset, [&](Bytes) { ++labels; });
  return size && budget.spend(labels) ? size : std::nullopt;
}

bool unpack_name(Bytes message, std::size_t offset, Buffer& out) {
  const auto before = out.size();
  if (walk_name(message, offset, [&](Bytes label) { append(out, label); })) return true;
  out.resize(before);
  return false;
}

namespace {

/// The record whose owner name has this size; nullopt if the size is, or the record does not fit.
std::optional<Record> read_record_after(Bytes message, std::size_t offset, std::optional<std::size_t> owner_size) {
  if (!owner_size || message.size() - offset - *owner_size < record_fixed_size) return std::nullopt;
  const auto record = record_after_name(message, offset, offset + *owner_size);
  if (record.end > message.size()) return std::nullopt;
  return record;
}

}  // namespace

std::optional<Record> read_record(Bytes message, std::size_t offset) {
  return read_record_after(message, offset, skip_name(message, offset));
}

std::optional<Record> find_opt(Bytes message) {
  const auto header = Header::of(message);
  if (!header) return std::nullopt;
  auto offset = header_size;
  for (std::size_t i = 0; i < header->questions(); ++i) {
    constexpr std::size_t type_and_class = 4;
    const auto name_size = skip_name(message, offset);
    if (!name_size || message.size() - offset - *name_size < type_and_class) return std::nullopt;
    offset += *name_size + type_and_class;
  }
  const auto records = std::size_t{header->answers()} + header->authorities() + header->additionals();
  for (std::size_t i = 0; i < records; ++i) {
    const auto record = read_record(message, offset);
    if (!record) return std::nullopt;
    if (record->type == type::opt && message[record->owner] == 0) return record;
    offset = record->end;
  }
  return std::nullopt;
}

std::expected<MessageView, ParseError> MessageView::parse(Bytes message) {
  const auto header = Header::of(message);
  if (!header) return std::unexpected(ParseError::short_header);
  if (header->questions() != 1) return std::unexpected(ParseError::question_count);
  const auto name_end = question_name_end(message);
  if (!name_end) return std::unexpected(name_end.error());
  if (message.size() - *name_end < 4) return std::unexpected(ParseError::truncated_question);

  auto view = of_ours(message, *name_end + 4);
  if (const auto error = view.walk_records()) return std::unexpected(*error);
  return view;
}

std::optional<ParseError> MessageView::walk_records() {
  const auto header = this->header();
  const auto first_additional = std::size_t{header.answers()} + header.authorities();
  const auto count = first_additional + header.additionals();
  auto offset = question_end_;
  LabelBudget budget(bytes_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto record = read_record_after(bytes_, offset, skip_name(bytes_, offset, budget));
    if (!record) return ParseError::malformed_record;
    const bool additional = i >= first_additional;
    if (record->type == type::opt) {
      if (!additional || opt_ || bytes_[record->owner] != 0 || !options_fit(bytes_, *record)) {
        return ParseError::malformed_edns;
      }
      opt_ = *record;
    } else if (record->type == type::tsig) {
      if (!additional || i + 1 != count) return ParseError::misplaced_tsig;
      signed_ = true;
    } else if (record->type == type::sig && additional && i + 1 == count && record->rdata_size >= 2) {
      signed_ = read_u16(bytes_, record->rdata) == 0;  // RFC 2931 section 3: a SIG(0) covers no type
    }
    offset = record->end;
  }
  if (offset != bytes_.size()) return ParseError::trailing_bytes;
  return std::nullopt;
}

}  // namespace pillion::dns
