#pragma once
// The distribution of a server's latencies in a fixed number of bytes. Pure.

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "runtime/clock.hpp"

namespace pillion::upstream {

/// Counts latencies in buckets of a quarter of an octave, from 64 us to 67 s, so that a quantile is at most a fifth
/// too large. From time to time the counts are halved, so that replies older than a few thousand fade.
class LatencySketch {
 public:
  /// With fewer replies, nothing is known about the slowest twentieth.
  static constexpr std::uint32_t least_samples = 40;

  void add(runtime::Duration latency) {
    ++counts_[bucket_of(latency)];
    if (++samples_ < fade_at) return;
    samples_ = 0;
    for (auto& count : counts_) samples_ += count /= 2;
  }

  /// Adds the counts of another sketch.
  void add(const LatencySketch& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    samples_ += other.samples_;
  }

  /// The latency that `percent` (1 to 99) of the replies did not exceed, rounded up to the end of the bucket. nullopt
  /// while there are fewer than least_samples.
  [[nodiscard]] std::optional<runtime::Duration> quantile(unsigned percent) const {
    if (samples_ < least_samples) return std::nullopt;
    const auto rank = (std::uint64_t{samples_} * percent + 99) / 100;
    std::uint64_t seen = 0;
    std::size_t bucket = 0;
    for (; bucket + 1 < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen >= rank) break;
    }
    return end_of(bucket);
  }

 private:
  static constexpr std::uint32_t fade_at = 2048;
  static constexpr unsigned first_octave = 6;  // 64 us
  static constexpr std::size_t buckets = 20 * 4 + 1;

  static std::size_t bucket_of(runtime::Duration latency) {
    const auto us = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(latency).count(), 0);
    const auto value = static_cast<std::uint64_t>(us);
    const auto octave = static_cast<unsigned>(std::bit_width(value));
    if (octave <= first_octave) return 0;
    const auto quarter = value >> (octave - 3) & 3U;  // the two bits below the highest one
    return std::min<std::size_t>((octave - first_octave - 1) * std::size_t{4} + quarter + 1, buckets - 1);
  }
  static runtime::Duration end_of(std::size_t bucket) {
    const auto octave = bucket / 4;
    const auto start = std::uint64_t{1} << (first_octave + octave);
    return std::chrono::microseconds(start + start / 4 * (bucket % 4));
  }

  std::array<std::uint32_t, buckets> counts_{};
  std::uint32_t samples_ = 0;
};

}  // namespace pillion::upstream
