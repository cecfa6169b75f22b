#pragma once
// A view of one DNS message (RFC 1035 section 4). Nothing here allocates. MessageView::parse() checks all bounds once,
// so that the accessors need no checks.

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <utility>

#include "dns/name.hpp"
#include "dns/wire.hpp"

namespace pillion::dns {

/// Why bytes are refused as a DNS message.
enum class ParseError : std::uint8_t {
  short_header,        // fewer than 12 bytes
  question_count,      // QDCOUNT is not 1
  truncated_name,      // the name runs past the end of the message
  compressed_name,     // the question's name holds a pointer, which could only lead to itself or into the header
  long_name,           // more than 255 bytes, or a label type other than 00 (RFC 6891 section 5 obsoletes the others)
  truncated_question,  // type or class is missing
  malformed_record,    // a record or its rdata runs past the end, its owner name is malformed, or the names of the
                       // message have too many labels in all (LabelBudget)
  malformed_edns,  // an OPT record outside of the additional section, with an owner other than the root, with options
                   // that overrun in version 0, or a second one (RFC 6891 section 6.1.1)
  misplaced_tsig,  // a TSIG record that is not the last of the additional section (RFC 8945 section 5.1)
  trailing_bytes,  // bytes after the last record
};
[[nodiscard]] std::string_view to_string(ParseError error);

/// The question of a message (RFC 1035 section 4.1.2).
struct Question {
  NameView name;  ///< a view of the message's bytes
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
};

/// One record of a message. Offsets are in bytes from the start of the message.
struct Record {
  std::size_t owner = 0;  ///< where its owner name starts
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::uint32_t ttl = 0;
  std::size_t ttl_offset = 0;
  std::size_t rdata = 0;
  std::uint16_t rdata_size = 0;
  std::size_t end = 0;  ///< one past its last byte
};

/// The header alone, for messages of which the rest may be malformed.
class Header {
 public:
  /// nullopt if `message` has fewer than 12 bytes.
  [[nodiscard]] static std::optional<Header> of(Bytes message);

  [[nodiscard]] std::uint16_t id() const { return read_u16(bytes_, 0); }
  [[nodiscard]] std::uint16_t flags() const { return read_u16(bytes_, 2); }
  [[nodiscard]] bool is_response() const { return (flags() & flag::qr) != 0; }
  [[nodiscard]] bool is_truncated() const { return (flags() & flag::tc) != 0; }
  [[nodiscard]] std::uint8_t opcode() const { return static_cast<std::uint8_t>(flags() >> 11U & 0xfU); }
  [[nodiscard]] std::uint8_t rcode() const { return static_cast<std::uint8_t>(flags() & 0xfU); }
  [[nodiscard]] std::uint16_t questions() const { return read_u16(bytes_, 4); }
  [[nodiscard]] std::uint16_t answers() const { return read_u16(bytes_, 6); }
  [[nodiscard]] std::uint16_t authorities() const { return read_u16(bytes_, 8); }
  [[nodiscard]] std::uint16_t additionals() const { return read_u16(bytes_, 10); }

 private:
  explicit Header(Bytes bytes) : bytes_(bytes) {}
  Bytes bytes_;
};

/// The size in bytes, as it stands in `message`, of the possibly compressed name at `offset`. nullopt if the name
/// overruns, points forward or into the header, has more than 255 bytes unpacked, more than 127 pointers, or a label
/// type other than 00 and 11. A pointer must lead to labels that end before those begin that the pointer follows ("a
/// prior occurrence", RFC 1035 section 4.1.4), so that the walk ends.
[[nodiscard]] std::optional<std::size_t> skip_name(Bytes message, std::size_t offset);

/// How many labels of names may be read for one message. A label that a pointer leads to counts each time. A message of
/// 65 kB can have twelve thousand names with 127 labels each; to read and write them would hold up all other queries
/// (as in CVE-2023-50387). Ordinary messages have one or two labels for each four bytes.
class LabelBudget {
 public:
  explicit LabelBudget(std::size_t message_size) : left_(256 + 4 * message_size) {}
  /// Takes `labels` from the budget. False, and it stays as it is, if fewer are left.
  [[nodiscard]] bool spend(std::size_t labels) {
    if (labels > left_) return false;
    left_ -= labels;
    return true;
  }

 private:
  std::size_t left_;
};

/// The same. nullopt also if the budget is exhausted.
[[nodiscard]] std::optional<std::size_t> skip_name(Bytes message, std::size_t offset, LabelBudget& budget);

/// Appends the uncompressed form of the name at `offset` to `out`. False, and `out` stays as it is, if skip_name()
/// returns nullopt for the name.
[[nodiscard]] bool unpack_name(Bytes message, std::size_t offset, Buffer& out);

/// The record at `offset`; nullopt if its owner name is malformed or the message is too short for its rdata. The rdata
/// is not read.
[[nodiscard]] std::optional<Record> read_record(Bytes message, std::size_t offset);

/// The record whose owner name starts at `owner` and ends before `fixed`. The caller has checked that type, class, TTL
/// and RDLENGTH lie inside `message`. The caller must compare `end` with the size of the message.
[[nodiscard]] inline Record record_after_name(Bytes message, std::size_t owner, std::size_t fixed) {
  const auto rdata = fixed + 10;
  const auto rdata_size = read_u16(message, fixed + 8);
  return {.owner = owner,
          .type = read_u16(message, fixed),
          .klass = read_u16(message, fixed + 2),
          .ttl = read_u32(message, fixed + 4),
          .ttl_offset = fixed + 4,
          .rdata = rdata,
          .rdata_size = rdata_size,
          .end = rdata + rdata_size};
}

/// The OPT record of a message that may be malformed and have any QDCOUNT. nullopt if there is none before the first
/// malformed record.
[[nodiscard]] std::optional<Record> find_opt(Bytes message);

/// A message of which all sections have been checked.
class MessageView {
 public:
  /// Checks header, question and all records of `message`, which must outlive the view. Of rdata, only that of OPT is
  /// read. A message without a question, as some error responses are, is refused with `question_count`.
  [[nodiscard]] static std::expected<MessageView, ParseError> parse(Bytes message);

  /// The view of a message that Pillion wrote, without OPT and unsigned. Nothing is checked. `question_end` is where
  /// its only question ends.
  [[nodiscard]] static MessageView of_ours(Bytes message, std::size_t question_end) {
    return of_beginning(message, question_end, false);
  }

  /// The view of the beginning of a message that was parsed when it was whole: the header, its only question, and
  /// perhaps more. The view knows no OPT record, and its records must not be visited.
  [[nodiscard]] static MessageView of_beginning(Bytes message, std::size_t question_end, bool is_signed) {
    const auto name_end = question_end - 4;
    MessageView view;
    view.signed_ = is_signed;
    view.bytes_ = message;
    view.question_ = {message.subspan(header_size, name_end - header_size), read_u16(message, name_end),
                      read_u16(message, name_end + 2)};
    view.question_end_ = question_end;
    return view;
  }

  [[nodiscard]] Bytes bytes() const { return bytes_; }
  [[nodiscard]] Header header() const { return *Header::of(bytes_); }
  [[nodiscard]] const Question& question() const { return question_; }
  /// The offset of the first byte after the question, where the answer section starts.
  [[nodiscard]] std::size_t question_end() const { return question_end_; }
  /// The OPT record (RFC 6891); nullopt if there is none.
  [[nodiscard]] const std::optional<Record>& opt() const { return opt_; }
  /// True if the last record is a TSIG (RFC 8945) or a SIG(0) (RFC 2931). Such a message must not be rewritten.
  [[nodiscard]] bool is_signed() const { return signed_; }

 private:
  /// Checks the records and fills in opt_ and signed_. nullopt if all records are well-formed.
  [[nodiscard]] std::optional<ParseError> walk_records();

  Bytes bytes_;
  Question question_;
  std::size_t question_end_ = 0;
  std::optional<Record> opt_;
  bool signed_ = false;
};

/// Calls `visit(const Record&)` for each record of the three sections in order, OPT included. `message` has been
/// parsed; its pointers may have been changed since, as they are not followed.
template <typename Visit>
void for_each_record(Bytes message, std::size_t question_end, Visit visit) {
  const auto header = *Header::of(message);
  const auto count = std::size_t{header.answers()} + header.authorities() + header.additionals();
  auto offset = question_end;
  for (std::size_t i = 0; i < count; ++i) {
    auto name_end = offset;
    while (message[name_end] != 0 && message[name_end] <= max_label_size)
      name_end += std::size_t{message[name_end]} + 1;
    name_end += message[name_end] == 0 ? 1 : 2;
    const auto record = record_after_name(message, offset, name_end);
    visit(record);
    offset = record.end;
  }
}

template <typename Visit>
void for_each_record(const MessageView& view, Visit visit) {
  for_each_record(view.bytes(), view.question_end(), std::move(visit));
}

}  // namespace pillion::dns
