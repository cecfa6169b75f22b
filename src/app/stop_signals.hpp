#pragma once
// The signals that a person or a container engine sends to the proxy: SIGTERM, SIGINT and SIGHUP. They are blocked for
// the whole life of the process, except in the thread that handles them, while it does. So none of them ends the
// process by itself: one that comes during the start waits until then, and one that comes after a clean stop has no
// effect.

#include <array>
#include <csignal>

namespace pillion::app {

inline constexpr std::array stop_signals = {SIGTERM, SIGINT, SIGHUP};

inline void add_stop_signals(sigset_t& set) {
  for (const int number : stop_signals) sigaddset(&set, number);
}

/// Blocks them in the calling thread and in those that it starts from now on. Called before there are other threads.
void block_stop_signals();

/// Unblocks them in the calling thread as long as it exists.
class StopSignalsUnblocked {
 public:
  StopSignalsUnblocked();
  StopSignalsUnblocked(const StopSignalsUnblocked&) = delete;
  StopSignalsUnblocked& operator=(const StopSignalsUnblocked&) = delete;
  ~StopSignalsUnblocked() { block_stop_signals(); }
};

}  // namespace pillion::app
