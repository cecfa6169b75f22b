#pragma once
// Limits our own queries in proportion to those of clients. Pure.

#include <algorithm>
#include <cstdint>

namespace pillion::resolve {

/// Each query that a client made necessary pays for one prefetch, so that at most half of the upstream's queries are
/// ours. Unused prefetches are saved up to a limit, so that a quiet hour does not pay for a storm.
class PrefetchBudget {
 public:
  static constexpr std::uint32_t most_saved = 100;

  void earn() { saved_ = std::min(saved_ + 1, most_saved); }
  [[nodiscard]] bool may_spend() const { return saved_ > 0; }
  void spend() { --saved_; }

 private:
  std::uint32_t saved_ = 0;
};

}  // namespace pillion::resolve
