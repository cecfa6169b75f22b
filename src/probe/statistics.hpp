#pragma once
// Statistics of measurements. Pure.

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "runtime/clock.hpp"

namespace pillion::probe {

struct Percentiles {
  runtime::Duration p50{};
  runtime::Duration p95{};
  runtime::Duration p99{};
  std::size_t samples = 0;
};

[[nodiscard]] inline double milliseconds(runtime::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// Percentiles by nearest rank: the smallest sample that at least p percent of the samples do not exceed. nullopt if
/// there are no samples.
[[nodiscard]] std::optional<Percentiles> percentiles_of(std::vector<runtime::Duration> samples);

/// The median; the lower of the two middle samples of an even number. nullopt if there are no samples.
[[nodiscard]] std::optional<runtime::Duration> median_of(std::vector<runtime::Duration> samples);

/// The largest block size of which all `sizes` are multiples, or nullopt if `sizes` is empty.
[[nodiscard]] std::optional<std::size_t> block_of(const std::vector<std::size_t>& sizes);

/// Finds how many queries of a connection a server works on at once. For each number it sends one slow query fewer,
/// and then a quick one. If the quick one is answered first, the server works on all of them; else it has not read the
/// last.
///
/// The search doubles the number until it is too large, then halves the interval. A number is too large if it fails
/// twice, since once may be chance.
class InFlightSearch {
 public:
  /// `most` is the largest number in flight to try, including the quick query; at least 2.
  explicit InFlightSearch(std::size_t most) : most_(most - 1) {}

  /// The number of slow queries to send next, or nullopt if the search is over.
  [[nodiscard]] std::optional<std::size_t> next() const;
  /// Records the outcome of the number that next() returned.
  void note(bool quick_one_was_first);
  /// The largest number in flight at which the server worked on all queries, including the quick one.
  [[nodiscard]] std::size_t served() const { return good_ + 1; }
  /// True if the server has a limit below the largest number.
  [[nodiscard]] bool has_limit() const { return bad_.has_value(); }

 private:
  std::size_t most_;
  std::size_t good_ = 0;
  std::optional<std::size_t> bad_;
  bool failed_once_ = false;  // the number of next() has failed once
};

}  // namespace pillion::probe
