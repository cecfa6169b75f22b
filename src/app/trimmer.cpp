#include "app/trimmer.hpp"

#include <algorithm>
#include <chrono>

#include <malloc.h>

namespace pillion::app {
namespace {

constexpr std::chrono::seconds interval{2};
/// Bytes that have to be there to be given back: it takes a millisecond or two, and the next peak has to get them
/// again.
constexpr std::size_t worth_it = std::size_t{1} << 20U;

}  // namespace

void Trimmer::start() {
  schedule_.set_deadline(*this, schedule_.clock().now() + interval);
}

/// Under a load that comes and goes within the interval nothing is given back.
void Trimmer::expired(runtime::Time now) {
  const auto peak = memory_.take_peak();
  highest_ = std::max(highest_, peak);
  if (highest_ - peak >= worth_it) {
    trim_();
    ::malloc_trim(0);
    highest_ = peak;
  }
  schedule_.set_deadline(*this, now + interval);
}

}  // namespace pillion::app
