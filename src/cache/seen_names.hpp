#pragma once
// Names that are known to exist, since records were found at or beneath them. Pure.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pillion::cache {

/// Two Bloom filters of a fixed size. Names are added to the newer one until it is full; it then replaces the older
/// one. has() may be true for a name that was not added, but is never false for one that was added lately.
class SeenNames {
 public:
  /// `bytes` is the size of both filters together, a power of two, at least 16.
  explicit SeenNames(std::size_t bytes) : newer_(bytes / 2 / sizeof(Word)), older_(newer_.size()) {}

  /// `hash` is the hash of a name, of which all 64 bits are unpredictable.
  [[nodiscard]] bool has(std::uint64_t hash) const { return is_in(newer_, hash) || is_in(older_, hash); }
  void add(std::uint64_t hash) {
    if (is_in(newer_, hash)) return;
    if (++count_ > newer_.size() * word_bits / bits_per_name) {
      newer_.swap(older_);
      newer_.assign(newer_.size(), 0);
      count_ = 1;
    }
    for (unsigned i = 0; i < bits_set; ++i) newer_[word_of(hash, i)] |= bit_of(hash, i);
  }

  [[nodiscard]] std::size_t memory() const { return (newer_.size() + older_.size()) * sizeof(Word); }

 private:
  using Word = std::uint64_t;
  static constexpr std::size_t word_bits = 64;
  static constexpr std::size_t bits_per_name = 8;  // with three bits for each, has() is true for 3 % of other names
  static constexpr unsigned bits_set = 3;
  static constexpr unsigned shift = 20;

  [[nodiscard]] std::size_t word_of(std::uint64_t hash, unsigned part) const {
    return (hash >> shift * part) / word_bits & (newer_.size() - 1);
  }
  [[nodiscard]] static Word bit_of(std::uint64_t hash, unsigned part) {
    return Word{1} << (hash >> shift * part) % word_bits;
  }
  [[nodiscard]] bool is_in(const std::vector<Word>& filter, std::uint64_t hash) const {
    for (unsigned i = 0; i < bits_set; ++i) {
      if ((filter[word_of(hash, i)] & bit_of(hash, i)) == 0) return false;
    }
    return true;
  }

  std::vector<Word> newer_;
  std::vector<Word> older_;
  std::size_t count_ = 0;  // names in newer_
};

}  // namespace pillion::cache
