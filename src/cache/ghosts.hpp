#pragma once
// Remembers which entries were dropped not long ago.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pillion::cache {

/// Fingerprints of 16 bits in buckets of eight, the newest first. A full bucket drops its oldest one. In about one case
/// of 4,000 a name is taken for another, and then gets a place in the main queue sooner than it should.
class Ghosts {
 public:
  static constexpr std::size_t bucket_size = 8;

  static constexpr std::size_t memory_per_bucket = bucket_size * sizeof(std::uint16_t);

  /// `buckets` is a power of two.
  explicit Ghosts(std::size_t buckets) : buckets_(buckets) {}

  [[nodiscard]] std::size_t memory() const { return buckets_.size() * memory_per_bucket; }
  void add(std::uint32_t hash) {
    auto& bucket = bucket_of(hash);
    std::shift_right(bucket.begin(), bucket.end(), 1);
    bucket[0] = fingerprint(hash);
  }
  /// True if `hash` is remembered; it is then forgotten.
  bool take(std::uint32_t hash) {
    auto& bucket = bucket_of(hash);
    const auto found = std::ranges::find(bucket, fingerprint(hash));
    if (found == bucket.end()) return false;
    std::shift_left(found, bucket.end(), 1);
    bucket.back() = 0;
    return true;
  }

 private:
  using Bucket = std::array<std::uint16_t, bucket_size>;

  [[nodiscard]] Bucket& bucket_of(std::uint32_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
  /// The upper bits of the hash, since the lower ones choose the bucket. Never 0, which marks a free place.
  [[nodiscard]] static std::uint16_t fingerprint(std::uint32_t hash) {
    return static_cast<std::uint16_t>(hash >> 16U | 1U);
  }

  std::vector<Bucket> buckets_;
};

}  // namespace pillion::cache
