#include "dns/reply.hpp"

#include <algorithm>
#include <array>

#include "dns/edns.hpp"
#include "dns/name.hpp"
#include "dns/rdata.hpp"
#include "dns/utf8.hpp"

namespace pillion::dns {
namespace {

/// The offsets at which labels of names start, as far as pointers reach.
class LabelStarts {
 public:
  explicit LabelStarts(std::size_t message_size) {
    std::fill_n(words_.begin(), (std::min(message_size, pointer_reach) + 63) / 64, 0);
  }

  /// Adds the labels of the name at `offset`, which skip_name() has accepted. False if the name ends in a pointer that
  /// does not lead to a label added before.
  bool add_name(Bytes message, std::size_t offset) {
    while ((message[offset] & label_type_bits) == 0) {
      add(offset);
      if (message[offset] == 0) return true;
      offset += std::size_t{message[offset]} + 1;
    }
    const auto target = std::size_t{read_u16(message, offset)} % pointer_reach;
    return (words_[target / 64] >> target % 64 & 1U) != 0;
  }

 private:
  void add(std::size_t offset) {
    if (offset < pointer_reach) words_[offset / 64] |= std::uint64_t{1} << offset % 64;
  }

  std::array<std::uint64_t, pointer_reach / 64> words_;  // one bit an offset; only the words of the message are cleared
};

class RdataChecker {
 public:
  RdataChecker(Bytes message, const Record& record, LabelStarts& labels, LabelBudget& budget)
      : message_(message), offset_(record.rdata), end_(record.end), labels_(labels), budget_(budget) {}

  [[nodiscard]] bool has_layout(std::string_view layout) {
    return std::ranges::all_of(layout, [this](char field) { return read(field); }) && offset_ == end_;
  }

 private:
  bool read(char field) {
    switch (field) {
      case '1':
        return skip(1);
      case '2':
      case 't':
      case 'o':
        return skip(2);
      case '4':
      case 'T':
      case 'a':
        return skip(4);
      case 'A':
        return skip(16);
      case 'n':
        return read_name();
      case 's':
      case 'h':
      case 'H':
      case 'c':
        return skip_counted();
      case 'S':
        if (!skip_counted()) return false;
        while (offset_ < end_) {
          if (!skip_counted()) return false;
        }
        return true;
      default:  // the rest
        return skip(end_ - offset_);
    }
  }

  bool skip(std::size_t size) {
    if (size > end_ - offset_) return false;
    offset_ += size;
    return true;
  }
  bool skip_counted() { return offset_ < end_ && skip(std::size_t{1} + message_[offset_]); }
  bool read_name() {
    const auto size = skip_name(message_.first(end_), offset_, budget_);
    return size && labels_.add_name(message_, offset_) && skip(*size);
  }

  Bytes message_;
  std::size_t offset_;
  std::size_t end_;
  LabelStarts& labels_;
  LabelBudget& budget_;
};

bool has_sound_records(const MessageView& reply) {
  const auto message = reply.bytes();
  LabelStarts labels(message.size());
  LabelBudget budget(message.size());
  bool sound = labels.add_name(message, header_size);
  for_each_record(reply, [&](const Record& record) {
    if (!sound) return;
    sound = labels.add_name(message, record.owner);
    if (record.type == type::a && record.klass == klass::in) {  // the most frequent case
      sound = sound && record.rdata_size == 4;
      return;
    }
    const auto layout = rdata_layout(record.type, record.klass);
    if (sound && !layout.empty()) sound = RdataChecker(message, record, labels, budget).has_layout(layout);
  });
  return sound;
}

bool has_sound_errors(Bytes options) {
  bool sound = true;
  for_each_option(options, [&](std::uint16_t code, Bytes value) {
    if (code == option::extended_error) sound = sound && value.size() >= 2 && is_utf8_text(value.subspan(2));
  });
  return sound;
}

}  // namespace

bool is_sound_reply(const MessageView& reply, bool may_be_signed) {
  return reply.header().opcode() == opcode::query && (may_be_signed || !reply.is_signed()) &&
         has_sound_errors(read_edns(reply).options) && has_sound_records(reply);
}

}  // namespace pillion::dns
