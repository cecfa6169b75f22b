#pragma once
// What follows from numbers that were measured. Pure.

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

/// By nearest rank: the smallest sample that so many of a hundred do not exceed. nullopt where there are none.
[[nodiscard]] std::optional<Percentiles> percentiles_of(std::vector<runtime::Duration> samples);

/// The middle one, of an even number the lower of the two. nullopt where there are none.
[[nodiscard]] std::optional<runtime::Duration> median_of(std::vector<runtime::Duration> samples);

/// The block size of which the sizes of all padded answers are multiples, the largest that may be; nullopt where there
/// are none.
[[nodiscard]] std::optional<std::size_t> block_of(const std::vector<std::size_t>& sizes);

/// Finds out how many queries of a connection a server works on at once. It is sent so many slow queries, and a quick
/// one behind them. If the quick one is answered first, the server works on all of them; else it has not read the last.
///
/// Doubles the number until one is too many, then halves the interval. What fails once may be chance, twice is not.
class InFlightSearch {
 public:
  /// `most`: the largest number in flight that is tried, the quick one included; 2 or more.
  explicit InFlightSearch(std::size_t most) : most_(most - 1) {}

  /// How many slow queries to send next; nullopt: the search is over.
  [[nodiscard]] std::optional<std::size_t> next() const;
  /// What came of them.
  void note(bool quick_one_was_first);
  /// The largest number in flight at which the server worked on all, the quick one included.
  [[nodiscard]] std::size_t served() const { return good_ + 1; }
  /// True if more were too many.
  [[nodiscard]] bool has_limit() const { return bad_.has_value(); }

 private:
  std::size_t most_;
  std::size_t good_ = 0;
  std::optional<std::size_t> bad_;
  bool failed_once_ = false;  // at next()
};

}  // namespace pillion::probe
