#pragma once
// A non-owning, checked view of one DNS message (RFC 1035 section 4). Nothing here allocates; every read is
// bounds-checked when the view is made, so that the accessors are plain loads.

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <utility>

#include "dns/name.hpp"
#include "dns/wire.hpp"

namespace pillion::dns {

/// Why some bytes are not a DNS message that we can work with.
enum class ParseError : std::uint8_t {
  short_header,        // fewer than 12 bytes
  question_count,      // QDCOUNT is not 1
  truncated_name,      // the name runs past the end of the message
  compressed_name,     // the question's name holds a pointer: it can only point at itself or at the header
  long_name,           // more than 255 bytes, or a label type other than 00 (RFC 6891 5: extended labels are gone)
  truncated_question,  // type or class is missing
  malformed_record,    // a record runs past the end, has a bad name or pointer, or its rdata does not fit; or the names
                       // have too many labels in all (LabelBudget)
  malformed_edns,  // an OPT outside of the additional section, owned by other than the root, with options that overrun,
                   // or a second one (RFC 6891 6.1.1)
  misplaced_tsig,  // a TSIG that is not the last record of the additional section (RFC 8945 5.1)
  trailing_bytes,  // bytes after the last record
};
[[nodiscard]] std::string_view to_string(ParseError error);

/// The question of a message (RFC 1035 section 4.1.2).
struct Question {
  NameView name;  ///< a view of the message's bytes
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
};

/// Where one record stands in a message; offsets count from the message's first byte.
struct Record {
  std::size_t owner = 0;  ///< its owner name
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::uint32_t ttl = 0;
  std::size_t ttl_offset = 0;
  std::size_t rdata = 0;
  std::uint16_t rdata_size = 0;
  std::size_t end = 0;  ///< one past its last byte
};

/// Header access that needs only 12 bytes; for messages whose rest cannot be trusted.
class Header {
 public:
  /// nullopt below 12 bytes.
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

/// The length in `message` of the possibly compressed name at `offset`; nullopt where it overruns, loops, points
/// forward or into the header, is longer than 255 bytes unpacked, has more than 127 pointers or a label type other than
/// 00 and 11. What a pointer leads to must stand wholly before the labels that the pointer ends ("a prior occurrence",
/// RFC 1035 4.1.4), so the walk ends.
[[nodiscard]] std::optional<std::size_t> skip_name(Bytes message, std::size_t offset);

/// How many labels of names may be looked at for one message, those that pointers lead to counted each time. A message
/// of 65 kB can have twelve thousand names, each of which leads to 127 labels; what is read and written anew for it
/// would hold up everybody else (CVE-2023-50387 and the like). Ordinary messages have a label or two for each four
/// bytes.
class LabelBudget {
 public:
  explicit LabelBudget(std::size_t message_size) : left_(256 + 4 * message_size) {}
  /// False if there are not so many left.
  [[nodiscard]] bool spend(std::size_t labels) {
    if (labels > left_) return false;
    left_ -= labels;
    return true;
  }

 private:
  std::size_t left_;
};

/// The same, nullopt also where the budget does not last.
[[nodiscard]] std::optional<std::size_t> skip_name(Bytes message, std::size_t offset, LabelBudget& budget);

/// Appends the unpacked form of the name at `offset` to `out`; false where skip_name would say nullopt.
[[nodiscard]] bool unpack_name(Bytes message, std::size_t offset, Buffer& out);

/// The record at `offset`; nullopt where it does not fit. Checks the owner name and the length of the rdata, not the
/// rdata itself.
[[nodiscard]] std::optional<Record> read_record(Bytes message, std::size_t offset);

/// The record at `owner` whose owner name ends before `fixed`. The caller has checked that type, class, TTL and
/// RDLENGTH lie inside; whether the rdata does, is for it to look at (`end`).
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

/// The OPT record of a message that may be malformed elsewhere: QDCOUNT may be any number. nullopt if there is none
/// before the first fault.
[[nodiscard]] std::optional<Record> find_opt(Bytes message);

/// A message whose every section has been walked to its last byte.
class MessageView {
 public:
  /// Header, question and the frame of every record are checked; rdata is not interpreted but for OPT.
  /// A message without a question (QDCOUNT = 0, as some error answers have) is refused with `question_count`.
  [[nodiscard]] static std::expected<MessageView, ParseError> parse(Bytes message);

  /// The view of a message that we have written, without OPT and unsigned: it is not walked again. `question_end` is
  /// where its one question ends.
  [[nodiscard]] static MessageView of_ours(Bytes message, std::size_t question_end) {
    return of_beginning(message, question_end, false);
  }

  /// The view of a message of which only the beginning is there, at least the header and its one question, which was
  /// parsed when it was whole: opt() is not known, nor are there records to walk.
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
  /// One past the question's class: where the answer section starts.
  [[nodiscard]] std::size_t question_end() const { return question_end_; }
  /// The OPT record (RFC 6891), if there is one.
  [[nodiscard]] const std::optional<Record>& opt() const { return opt_; }
  /// True if the message is signed (its last record a TSIG, RFC 8945, or a SIG(0), RFC 2931). Such messages must not
  /// be rewritten.
  [[nodiscard]] bool is_signed() const { return signed_; }

 private:
  /// Fills in what the records tell; the fault where there is one.
  [[nodiscard]] std::optional<ParseError> walk_records();

  Bytes bytes_;
  Question question_;
  std::size_t question_end_ = 0;
  std::optional<Record> opt_;
  bool signed_ = false;
};

/// Calls `visit(const Record&)` for each record of the three sections in order; OPT included. `message` is one that has
/// been parsed, whatever has become of its pointers since: they are not followed. So nothing can fail.
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
