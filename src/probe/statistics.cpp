#include "probe/statistics.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace pillion::probe {
namespace {

/// `sorted` must not be empty.
runtime::Duration nearest_rank(const std::vector<runtime::Duration>& sorted, std::size_t percent) {
  const auto rank = (sorted.size() * percent + 99) / 100;
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

std::optional<Percentiles> percentiles_of(std::vector<runtime::Duration> samples) {
  if (samples.empty()) return std::nullopt;
  std::ranges::sort(samples);
  return Percentiles{.p50 = nearest_rank(samples, 50),
                     .p95 = nearest_rank(samples, 95),
                     .p99 = nearest_rank(samples, 99),
                     .samples = samples.size()};
}

std::optional<runtime::Duration> median_of(std::vector<runtime::Duration> samples) {
  const auto percentiles = percentiles_of(std::move(samples));
  if (!percentiles) return std::nullopt;
  return percentiles->p50;
}

std::optional<std::size_t> block_of(const std::vector<std::size_t>& sizes) {
  if (sizes.empty()) return std::nullopt;
  return std::accumulate(sizes.begin(), sizes.end(), std::size_t{0},
                         [](std::size_t a, std::size_t b) { return std::gcd(a, b); });
}

std::optional<std::size_t> InFlightSearch::next() const {
  if (bad_) return *bad_ - good_ > 1 ? std::optional(good_ + (*bad_ - good_) / 2) : std::nullopt;
  if (good_ == most_) return std::nullopt;
  return std::min(std::max<std::size_t>(2 * good_, 1), most_);
}

void InFlightSearch::note(bool quick_one_was_first) {
  const auto tried = next();
  if (!tried) return;
  if (quick_one_was_first) {
    good_ = *tried;
    failed_once_ = false;
  } else if (std::exchange(failed_once_, !failed_once_)) {
    bad_ = tried;
  }
}

}  // namespace pillion::probe
