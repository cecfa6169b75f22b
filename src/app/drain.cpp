#include "app/drain.hpp"

#include <algorithm>

namespace pillion::app {

void Drain::cut_short(runtime::Time end) {
  end_ = std::min(end_, end);
}

bool Drain::has_ended(const DrainFacts& facts, runtime::Time now) const {
  if (now >= end_) return true;
  return is_past_min(now) && !facts.is_busy && facts.last_activity <= quiet_since(now);
}

runtime::Time Drain::next_look(const DrainFacts& facts, runtime::Time now) const {
  const auto next = !is_past_min(now) ? min_end_ : facts.is_busy ? now + busy_interval : facts.last_activity + quiet_;
  return std::min(next, end_);
}

}  // namespace pillion::app
