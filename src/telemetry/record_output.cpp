#include "telemetry/record_output.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace pillion::telemetry {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

bool SinkWaits::is_ending() {
  if (deadline_) return true;
  pollfd stop{stop_.descriptor(), POLLIN, 0};
  if (::poll(&stop, 1, 0) == 1) deadline_ = steady_clock::now() + grace;
  return deadline_.has_value();
}

bool SinkWaits::ready(int descriptor, short events) {
  return ready(descriptor, events, milliseconds::max());
}

bool SinkWaits::ready(int descriptor, short events, milliseconds limit) {
  const auto started = steady_clock::now();
  for (;;) {
    const auto now = steady_clock::now();
    auto left = limit == milliseconds::max() ? limit : limit - std::chrono::ceil<milliseconds>(now - started);
    if (deadline_) left = std::min(left, std::chrono::ceil<milliseconds>(*deadline_ - now));
    left = std::max(left, milliseconds(0));
    std::array<pollfd, 2> waited{{{descriptor, events, 0}, {deadline_ ? -1 : stop_.descriptor(), POLLIN, 0}}};
    const int timeout =
        left == milliseconds::max() ? -1 : static_cast<int>(std::min<milliseconds::rep>(left.count(), INT_MAX));
    const int count = ::poll(waited.data(), waited.size(), timeout);
    if (count < 0 && errno == EINTR) continue;
    if (waited[0].revents != 0) return true;
    if (waited[1].revents == 0) return false;
    deadline_ = steady_clock::now() + grace;
  }
}

void SinkWaits::await(const EventDescriptor& event) {
  if (is_ending()) return;
  std::array<pollfd, 2> waited{{{event.descriptor(), POLLIN, 0}, {stop_.descriptor(), POLLIN, 0}}};
  // A signal may interrupt poll(). The caller checks the event anyway.
  static_cast<void>(::poll(waited.data(), waited.size(), -1));
}

void SinkWaits::pause(milliseconds duration) {
  if (is_ending()) return;
  pollfd stop{stop_.descriptor(), POLLIN, 0};
  static_cast<void>(::poll(&stop, 1, static_cast<int>(duration.count())));
}

}  // namespace pillion::telemetry
