#pragma once
// How many queries may be sent only to be quicker. Pure.

#include <algorithm>

namespace pillion::resolve {

/// Each query pays for a twentieth of one more, so that at most 5 % of the upstream's traffic are hedges; a server that
/// slows down for everybody is not made to answer everything twice.
class HedgeBudget {
 public:
  void earn() { saved_ = std::min(saved_ + per_query, most_saved); }
  [[nodiscard]] bool take() {
    if (saved_ < 1) return false;
    saved_ -= 1;
    return true;
  }
  /// What was taken was not sent.
  void give_back() { saved_ = std::min(saved_ + 1, most_saved); }

 private:
  static constexpr double per_query = 0.05;
  static constexpr double most_saved = 10;
  double saved_ = 0;
};

}  // namespace pillion::resolve
