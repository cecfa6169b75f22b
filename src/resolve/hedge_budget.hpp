#pragma once
// Limits the queries that are sent only to be quicker. Pure.

#include <algorithm>

namespace pillion::resolve {

/// Each query earns a twentieth of a hedge, so that at most 5 % of the upstream's queries are hedges. So a server that
/// slows down for everybody does not have to answer everything twice.
class HedgeBudget {
 public:
  void earn() { saved_ = std::min(saved_ + per_query, most_saved); }
  [[nodiscard]] bool take() {
    if (saved_ < 1) return false;
    saved_ -= 1;
    return true;
  }
  /// Returns a hedge that was taken but not sent.
  void give_back() { saved_ = std::min(saved_ + 1, most_saved); }

 private:
  static constexpr double per_query = 0.05;
  static constexpr double most_saved = 10;
  double saved_ = 0;
};

}  // namespace pillion::resolve
