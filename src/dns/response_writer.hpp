#pragma once
// Writes a response record by record and compresses its names (RFC 1035 section 4.1.4). An upstream's reply is written
// anew once, without its OPT and as short as possible, together with the offsets that a cached answer has to patch.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dns/message.hpp"

namespace pillion::dns {

/// Writes one response after another and keeps the capacity of its tables.
///
/// The letter case of the question is that of each client, so only owner names point to the question: an owner that is
/// equal to it becomes a pointer, whatever its letter case was. Names in rdata keep their letter case (RFC 4343 section
/// 4.1), and are compressed only in types that allow it (RFC 3597 section 4).
class ResponseWriter {
 public:
  /// `seed` must be random: it keeps an upstream from choosing names with equal hashes.
  explicit ResponseWriter(std::uint64_t seed) : seed_(seed) {}

  /// Starts a response at the end of `out` by a header with id 0 and `flags`, and by one question. `out` must outlive
  /// the calls that add records. `name` is uncompressed.
  void start(Buffer& out, std::uint16_t flags, Bytes name, std::uint16_t type, std::uint16_t klass);

  /// Appends all records but OPT of `message`, which is_sound_reply() has accepted. The TTL of each in seconds is
  /// `ttl_of(const Record&)`. False if the response would be longer than 65,535 bytes; it is then unusable.
  template <typename TtlOf>
  [[nodiscard]] bool add_records(const MessageView& message, TtlOf ttl_of);

  /// Appends a CNAME record from the question to `target`, which is uncompressed (RFC 1034 section 3.6.2). False as
  /// above. The records that follow belong to `target`.
  [[nodiscard]] bool add_alias(Bytes target, std::uint32_t ttl);

  /// The offsets of all TTLs, and of all compression pointers, in bytes from the start of the response.
  [[nodiscard]] std::span<const std::uint16_t> ttl_offsets() const { return ttl_offsets_; }
  [[nodiscard]] std::span<const std::uint16_t> pointer_offsets() const { return pointer_offsets_; }

 private:
  /// Where the header counts the records of a section (RFC 1035 section 4.1.1).
  enum class RecordSection : std::uint8_t { answer = 6, authority = 8, additional = 10 };
  /// A suffix of a name that was written. `offset` is 0 in an empty slot.
  struct Suffix {
    std::uint16_t offset = 0;
    std::uint16_t hash = 0;
  };
  enum class Use : std::uint8_t { owner, compressed, verbatim };
  /// The name that is being written: uncompressed, with the start and the hash of each of its suffixes but the root.
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
  static constexpr std::size_t max_suffixes = 384;  // later names are not remembered

  std::uint64_t seed_;
  Buffer* out_ = nullptr;
  std::size_t start_ = 0;
  std::size_t question_end_ = 0;
  bool is_aliased_ = false;      // add_alias() was called: the records are of another name than the question
  bool knows_question_ = false;  // suffixes_ has those of the question, which are added when first needed
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
