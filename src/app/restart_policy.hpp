#pragma once
// Whether and when a supervisor starts its worker again. Pure.

#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace pillion::app {

/// How long to wait before a worker that has died is followed by another: 20 ms, then twice as long each time, up to a
/// second, so that one that cannot live does not take the processor; from the beginning after one that has lived for as
/// long as the longest wait, beside which a start is nothing.
class RestartBackoff {
 public:
  using Duration = std::chrono::milliseconds;
  static constexpr Duration first{20};
  static constexpr Duration longest{1000};
  static constexpr Duration long_enough = longest;  ///< a life after which the wait is the first one again

  /// `lived`: from the worker's start to its end.
  [[nodiscard]] Duration next(std::chrono::steady_clock::duration lived) {
    if (lived >= long_enough) next_ = first;
    return std::exchange(next_, std::min(2 * next_, longest));
  }

 private:
  Duration next_ = first;
};

/// What follows from a worker's end, which `status` tells as waitpid(2) does: the exit code of the supervisor; nullopt:
/// the worker is started again. Only a signal is a crash; whoever exits has its reasons, and would have them again. If
/// the worker has been told to end (`ending`), it is not started again, and a signal is told as a shell would.
[[nodiscard]] inline std::optional<int> exit_code_after(int status, bool ending) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  if (!ending) return std::nullopt;
  return 128 + WTERMSIG(status);
}

}  // namespace pillion::app
