#pragma once
// Decides whether and when a supervisor starts its worker again. Pure.

#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace pillion::app {

/// How long to wait before a dead worker is replaced: 20 ms, then twice as long each time, up to a second, so that a
/// worker that always dies does not use the processor. After a worker that has lived for at least the longest wait,
/// the wait is the first one again.
class RestartBackoff {
 public:
  using Duration = std::chrono::milliseconds;
  static constexpr Duration first{20};
  static constexpr Duration longest{1000};
  static constexpr Duration long_enough = longest;  ///< after a life of this length, the next wait is the first one

  /// `lived` is the time from the worker's start to its end.
  [[nodiscard]] Duration next(std::chrono::steady_clock::duration lived) {
    if (lived >= long_enough) next_ = first;
    return std::exchange(next_, std::min(2 * next_, longest));
  }

 private:
  Duration next_ = first;
};

/// What the end of a worker means; `status` is from waitpid(2). Returns the exit code of the supervisor, or nullopt if
/// the worker must be started again. Only a signal counts as a crash: a worker that exits has a reason, which would
/// still exist. If `ending` (the worker was told to end), it is not started again, and a signal becomes an exit code
/// as in a shell.
[[nodiscard]] inline std::optional<int> exit_code_after(int status, bool ending) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  if (!ending) return std::nullopt;
  return 128 + WTERMSIG(status);
}

}  // namespace pillion::app
