#include "app/settling.hpp"

#include <algorithm>

namespace pillion::app {

void Settling::stir() {
  const auto now = schedule_.clock().now();
  if (!stirred_since_) stirred_since_ = now;
  auto at = std::min(now + quiet, *stirred_since_ + longest);
  if (missing_since_) at = std::min(at, *missing_since_ + gap);
  schedule_.set_deadline(*this, std::max(at, now));
}

void Settling::stop() {
  schedule_.clear_deadline(*this);
  stirred_since_.reset();
  missing_since_.reset();
}

void Settling::expired(runtime::Time now) {
  stirred_since_.reset();
  // Set in case look_() throws.
  schedule_.set_deadline(*this, now + longest);
  const auto seen = look_();
  if (seen == FilesSeen::unknown) return;
  schedule_.clear_deadline(*this);
  if (seen == FilesSeen::missing && may_come_back(now)) {
    schedule_.set_deadline(*this, *missing_since_ + gap);
    return;
  }
  missing_since_.reset();
  if (seen != FilesSeen::same) report_();
}

bool Settling::may_come_back(runtime::Time now) {
  if (!missing_since_) missing_since_ = now;
  return now < *missing_since_ + gap;
}

}  // namespace pillion::app
