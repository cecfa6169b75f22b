#pragma once
// Writes a response record by record, with its names compressed (RFC 1035 4.1.4). What an upstream sent is read once
// here and written anew: without its OPT, as short as it can be, and with a list of what a cached answer has to patch.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dns/message.hpp"

namespace pillion::dns {

/// Keeps its capacity from one response to the next.
///
/// The letters of the question are those of whoever asks, so only owner names refer to them: an owner that equals the
/// question is a pointer to it, however the upstream spelled it. Names in rdata keep the letters that they came with
/// (RFC 4343 section 4.1), and are compressed only in the types that may be (RFC 3597 section 4).
class ResponseWriter {
 public:
  /// `seed` keeps an upstream from choosing names that are hard to tell apart; it is to be random.
  explicit ResponseWriter(std::uint64_t seed) : seed_(seed) {}

  /// Starts a response at the end of `out`, which outlives the last call: a header with id 0 and `flags`, and one
  /// question. `name` is uncompressed.
  void start(Buffer& out, std::uint16_t flags, Bytes name, std::uint16_t type, std::uint16_t klass);

  /// Appends all records of `message`, which is_sound_reply() has passed, but its OPT; each with the TTL in seconds
  /// that `ttl_of(const Record&)` gives it. False, and the response is of no use, if it would be longer than 65,535
  /// bytes.
  template <typename TtlOf>
  [[nodiscard]] bool add_records(const MessageView& message, TtlOf ttl_of);

  /// Appends a CNAME from the question to `target`, which is uncompressed (RFC 1034 3.6.2).
  [[nodiscard]] bool add_alias(Bytes target, std::uint32_t ttl);

  /// Where the TTL of each record stands, counted from the start of the response; likewise each compression pointer.
  [[nodiscard]] std::span<const std::uint16_t> ttl_offsets() const { return ttl_offsets_; }
  [[nodiscard]] std::span<const std::uint16_t> pointer_offsets() const { return pointer_offsets_; }

 private:
  enum class RecordSection : std::uint8_t { answer, authority, additional };
  /// A suffix of a name that was written, found by its hash. `offset` 0: an empty slot.
  struct Suffix {
    std::uint16_t offset = 0;
    std::uint16_t hash = 0;
  };
  enum class Use : std::uint8_t { owner, compressed, verbatim };
  /// The name that is being written: unpacked, with the start and the hash of each suffix but the root.
  struct Name {
    Buffer bytes;
    std::vector<std::uint8_t> starts;
    std::vector<std::uint64_t> hashes;
  };

  [[nodiscard]] static RecordSection section_of(std::size_t index, const Header& header);
  [[nodiscard]] bool copy_records(const MessageView& message);
  [[nodiscard]] bool add(RecordSection section, Bytes message, const Record& record, std::uint32_t ttl);
  void begin_record(std::uint16_t type, std::uint16_t klass, std::uint32_t ttl);
  [[nodiscard]] bool end_record(RecordSection section, std::size_t rdata);
  void add_rdata(Bytes message, const Record& record);
  void write_name(Bytes message, std::size_t offset, Use use);
  void write_split_name(Use use);
  void write_pointer(std::size_t target);
  void split_name();
  [[nodiscard]] bool equals_question() const;
  [[nodiscard]] std::size_t find(Bytes suffix, std::uint64_t hash, bool is_owner) const;
  [[nodiscard]] bool is_written_at(std::size_t offset, Bytes suffix, bool is_owner) const;
  void remember(std::size_t offset, std::uint64_t hash);
  void remember_question();
  [[nodiscard]] std::size_t size() const { return out_->size() - start_; }
  [[nodiscard]] Bytes written() const { return Bytes(*out_).subspan(start_); }

  static constexpr std::size_t slots = 512;
  static constexpr std::size_t max_suffixes = 384;  // beyond, names are written without being remembered

  std::uint64_t seed_;
  Buffer* out_ = nullptr;
  std::size_t start_ = 0;
  std::size_t question_end_ = 0;
  bool is_aliased_ = false;      // the records answer another question than this
  bool knows_question_ = false;  // its suffixes are among the others: only names that do not equal it ask for them
  std::array<Suffix, slots> suffixes_{};
  std::vector<std::uint16_t> used_slots_;
  Name name_;
  std::vector<std::uint16_t> ttl_offsets_;
  std::vector<std::uint16_t> pointer_offsets_;
};

template <typename TtlOf>
bool ResponseWriter::add_records(const MessageView& message, TtlOf ttl_of) {
  if (copy_records(message)) {
    for_each_record(written(), question_end_,
                    [&](const Record& record) { write_u32(*out_, start_ + record.ttl_offset, ttl_of(record)); });
    return true;
  }
  std::size_t index = 0;
  bool fits = true;
  for_each_record(message, [&](const Record& record) {
    const auto section = section_of(index++, message.header());
    if (fits && record.type != type::opt) fits = add(section, message.bytes(), record, ttl_of(record));
  });
  return fits;
}

}  // namespace pillion::dns
