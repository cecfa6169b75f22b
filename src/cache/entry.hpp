#pragma once
// An answer in the memory of the cache: 40 bytes, then the offsets to patch, then the message, then EDNS options.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cache/admission.hpp"
#include "cache/key.hpp"
#include "cache/preparation.hpp"
#include "dns/query.hpp"
#include "runtime/clock.hpp"

namespace pillion::cache {

/// The place of a block in the cache's memory in units of 8 bytes; `no_position` is none.
using Position = std::uint32_t;
inline constexpr Position no_position = 0;
inline constexpr std::size_t unit_size = 8;

/// The data of an entry.
struct EntryContent {
  const Preparation& answer;
  runtime::Time stored;
  const Key& key;
  /// True if the answer also denies the names beneath its own (RFC 8020). Only then are its pointer offsets kept.
  bool holds_beneath = false;

  [[nodiscard]] std::span<const std::uint16_t> pointer_offsets() const {
    return holds_beneath ? answer.pointer_offsets() : std::span<const std::uint16_t>{};
  }
};

/// Stands at the start of its block, whose size it knows. Trivially copyable, so that blocks can be moved.
class Entry {
 public:
  /// The size of a block with this content, in units of 8 bytes.
  [[nodiscard]] static std::uint32_t units_for(const EntryContent& content);

  [[nodiscard]] Kind kind() const { return kind_; }
  /// The 4 bits of the RCODE in the header.
  [[nodiscard]] std::uint8_t rcode() const { return wire()[3] & 0xFU; }
  [[nodiscard]] runtime::Time stored() const { return stored_; }
  [[nodiscard]] runtime::Time expires() const { return stored_ + std::chrono::seconds(lifetime_); }
  /// How often a lookup found the entry fresh since it was stored; counted up to max_hits.
  [[nodiscard]] unsigned hits() const { return hits_; }
  /// The name in the entry's key. An entry that denies names beneath its own is also found for these.
  [[nodiscard]] dns::NameView name() const { return wire().subspan(dns::header_size, name_size_); }
  /// The type in the entry's key; every_type if it denies all types of its name.
  [[nodiscard]] std::uint16_t type() const { return dns::read_u16(wire(), dns::header_size + name_size_); }
  [[nodiscard]] dns::Bytes wire() const { return tail(2 * patch_count(), wire_size_); }
  /// The Extended DNS Errors of the reply as whole EDNS options, for the client (RFC 8914 section 3). Mostly empty.
  [[nodiscard]] dns::Bytes extended_errors() const { return tail(2 * patch_count() + wire_size_, errors_size_); }

 private:
  friend class Store;
  friend void append_answer(const Entry& entry, const dns::QueryView& query, runtime::Time now, std::size_t rotation,
                            dns::Buffer& out);

  enum class Queue : std::uint8_t { probation, main };
  static constexpr unsigned max_hits = 31;

  /// Writes `content` into this block. Its size, chain and queue stay as they are.
  void fill(const EntryContent& content);

  [[nodiscard]] bool matches(const Key& key) const;
  [[nodiscard]] bool speaks_for_every_type() const { return type() == every_type; }
  [[nodiscard]] std::span<const std::uint16_t> ttl_offsets() const { return {patches(), ttl_count_}; }
  [[nodiscard]] std::span<const std::uint16_t> pointer_offsets() const {
    return {patches() + ttl_count_, pointer_count_};
  }
  [[nodiscard]] std::size_t patch_count() const { return std::size_t{ttl_count_} + pointer_count_; }
  [[nodiscard]] const std::uint16_t* patches() const { return reinterpret_cast<const std::uint16_t*>(this + 1); }
  [[nodiscard]] dns::Bytes tail(std::size_t offset, std::size_t size) const {
    return {reinterpret_cast<const std::uint8_t*>(this + 1) + offset, size};
  }

  std::uint32_t units_ = 0;      // the size of the block
  Position next_ = no_position;  // the next entry in the chain of the bucket
  std::uint32_t hash_ = 0;
  std::uint32_t lifetime_ = 0;  // seconds
  runtime::Time stored_;
  std::uint32_t retry_delay_ = 0;  // milliseconds after stored_ during which the upstream is not asked again
  std::uint16_t wire_size_ = 0;
  std::uint16_t errors_size_ = 0;
  std::uint16_t ttl_count_ = 0;
  std::uint8_t pointer_count_ = 0;
  std::uint8_t name_size_ = 0;
  AddressSet addresses_;
  std::uint8_t hits_ : 5 = 0;  // up to max_hits
  Kind kind_ : 2 = Kind::positive;
  Queue queue_ : 1 = Queue::probation;
  std::uint8_t frequency_ : 2 = 0;  // uses since the entry came into its queue; counted up to 3
  bool dead_ : 1 = false;           // not in the index any more; the block is freed when it is the oldest of its queue
  bool refreshing_ : 1 = false;
  bool holds_beneath_ : 1 = false;
  bool dnssec_ok_ : 1 = false;
  bool checking_disabled_ : 1 = false;
  bool searched_ : 1 = false;
};
static_assert(sizeof(Entry) == 40 && alignof(Entry) <= unit_size);

/// The TTL in seconds of all records of a stale answer (RFC 8767 section 4).
inline constexpr std::uint32_t stale_ttl = 30;

/// The size in bytes of the answer to `query`, without OPT.
[[nodiscard]] inline std::size_t answer_size(const Entry& entry, const dns::QueryView& query) {
  return entry.wire().size() + query.question().name.size() - entry.name().size();
}

/// Appends the answer of `entry`, which Store::lookup() found for `query`, without OPT. See dns::address_to() for id,
/// flags and letter case. TTLs are those of the entry less its age (RFC 2181 section 8), or `stale_ttl` if it has
/// expired. The set of addresses starts with the one at the place `rotation` modulo their number. Does not allocate if
/// `out` has enough capacity.
void append_answer(const Entry& entry, const dns::QueryView& query, runtime::Time now, std::size_t rotation,
                   dns::Buffer& out);

}  // namespace pillion::cache
