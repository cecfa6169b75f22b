#include "app/trimmer.hpp"

#include <algorithm>
#include <chrono>

#include <malloc.h>

namespace pillion::app {
namespace {

constexpr std::chrono::seconds interval{2};
/// Freeing everything at once would delay clients by 30 ms after the largest peaks.
constexpr std::chrono::milliseconds between_parts{10};

}  // namespace

void Trimmer::start() {
  schedule_.set_deadline(*this, schedule_.clock().now() + interval);
}

/// Under a load that comes and goes within the interval, nothing is freed.
void Trimmer::expired(runtime::Time now) {
  const auto peak = memory_.take_peak();
  highest_ = std::max(highest_, peak);
  if (is_trimming_ || highest_ - peak >= worth_it_) {
    highest_ = peak;
    is_trimming_ = trim_();
    if (is_trimming_) return schedule_.set_deadline(*this, now + between_parts);
    ::malloc_trim(0);
  }
  schedule_.set_deadline(*this, now + interval);
}

}  // namespace pillion::app
