#pragma once
// One answer as it lies in the cache: a head of 40 bytes, then the offsets of what has to be patched, then wire bytes.

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

/// Where a block lies in the cache's memory, in units of 8 bytes; `no_position` is nowhere.
using Position = std::uint32_t;
inline constexpr Position no_position = 0;
inline constexpr std::size_t unit_size = 8;

/// What an entry is made of.
struct EntryContent {
  const Preparation& answer;
  runtime::Time stored;
  const Key& key;
  /// True if it denies names beneath its own, too (RFC 8020): its compression pointers are kept then.
  bool holds_beneath = false;

  [[nodiscard]] std::span<const std::uint16_t> pointer_offsets() const {
    return holds_beneath ? answer.pointer_offsets() : std::span<const std::uint16_t>{};
  }
};

/// Lives at the start of its block, which it knows the size of. Trivially copyable, so that blocks can be moved.
class Entry {
 public:
  /// Units that a block with this content needs.
  [[nodiscard]] static std::uint32_t units_for(const EntryContent& content);

  [[nodiscard]] Kind kind() const { return kind_; }
  /// The upstream's, of 4 bits.
  [[nodiscard]] std::uint8_t rcode() const { return wire()[3] & 0xFU; }
  [[nodiscard]] runtime::Time stored() const { return stored_; }
  [[nodiscard]] runtime::Time expires() const { return stored_ + std::chrono::seconds(lifetime_); }
  /// Lookups that found it fresh since it was stored, up to max_hits.
  [[nodiscard]] unsigned hits() const { return hits_; }
  /// The name that it was stored for; of an answer to a name beneath, a suffix of that.
  [[nodiscard]] dns::NameView name() const { return wire().subspan(dns::header_size, name_size_); }
  /// The type that it was stored for; every_type where it speaks for all of its name.
  [[nodiscard]] std::uint16_t type() const { return dns::read_u16(wire(), dns::header_size + name_size_); }
  [[nodiscard]] dns::Bytes wire() const { return tail(2 * patch_count(), wire_size_); }
  /// The reply's Extended DNS Errors as whole EDNS options, to be passed on (RFC 8914 section 3); mostly empty.
  [[nodiscard]] dns::Bytes extended_errors() const { return tail(2 * patch_count() + wire_size_, errors_size_); }

 private:
  friend class Store;
  friend void append_answer(const Entry& entry, const dns::QueryView& query, runtime::Time now, std::size_t rotation,
                            dns::Buffer& out);

  enum class Queue : std::uint8_t { probation, main };
  static constexpr unsigned max_hits = 31;

  /// Makes an entry of `content` in this block, whose place in the store (size, chain, queue) stays as it is.
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

  std::uint32_t units_ = 0;      // of the whole block
  Position next_ = no_position;  // in the chain of its bucket
  std::uint32_t hash_ = 0;
  std::uint32_t lifetime_ = 0;  // seconds
  runtime::Time stored_;
  std::uint32_t retry_delay_ = 0;  // milliseconds after stored_ before which the upstream is not to be asked again
  std::uint16_t wire_size_ = 0;
  std::uint16_t errors_size_ = 0;
  std::uint16_t ttl_count_ = 0;
  std::uint8_t pointer_count_ = 0;
  std::uint8_t name_size_ = 0;
  AddressSet addresses_;
  std::uint8_t hits_ : 5 = 0;  // up to max_hits
  Kind kind_ : 2 = Kind::positive;
  Queue queue_ : 1 = Queue::probation;
  std::uint8_t frequency_ : 2 = 0;  // uses since it came into its queue, up to 3
  bool dead_ : 1 = false;           // replaced or contradicted: waits for the queue to pass
  bool refreshing_ : 1 = false;
  bool holds_beneath_ : 1 = false;
  bool dnssec_ok_ : 1 = false;
  bool checking_disabled_ : 1 = false;
  bool searched_ : 1 = false;
};
static_assert(sizeof(Entry) == 40 && alignof(Entry) <= unit_size);

/// The TTL of every record in a stale answer, in seconds (RFC 8767 section 4).
inline constexpr std::uint32_t stale_ttl = 30;

/// How long the answer to `query` is, in bytes and without OPT.
[[nodiscard]] inline std::size_t answer_size(const Entry& entry, const dns::QueryView& query) {
  return entry.wire().size() + query.question().name.size() - entry.name().size();
}

/// Appends the answer to `query` without OPT: its id, its question letter by letter, its RD and CD; AD where the query
/// said that it wants to know (RFC 6840 5.7, 5.8); TTLs less the entry's age (RFC 2181 section 8), or `stale_ttl` once
/// it has expired. Its set of addresses begins with the one at the place `rotation`, counted on from the last to the
/// first again. `entry` is what Store::lookup found for `query`. Does not allocate while `out` has room.
void append_answer(const Entry& entry, const dns::QueryView& query, runtime::Time now, std::size_t rotation,
                   dns::Buffer& out);

}  // namespace pillion::cache
