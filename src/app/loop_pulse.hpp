#pragma once
// Tests from another thread whether a loop turns.

#include <atomic>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "runtime/clock.hpp"

namespace pillion::app {

/// Posts a handler to the loop. It must outlive the loop's handlers. Except for end(), only the asking thread may use
/// it.
class LoopPulse {
 public:
  /// A loop that has not run the handler for this long does not turn.
  static constexpr std::chrono::seconds patience{5};

  explicit LoopPulse(boost::asio::io_context& io) : io_(io) {}
  LoopPulse(const LoopPulse&) = delete;
  LoopPulse& operator=(const LoopPulse&) = delete;

  /// How long the handler has been waiting to run. Posts it again if it has run. So a loop that does not turn is
  /// detected by the second call, after `patience`.
  [[nodiscard]] runtime::Duration look(runtime::Time now) {
    if (has_ended_.load(std::memory_order_relaxed)) return runtime::Duration::zero();
    if (!is_asked_.load(std::memory_order_relaxed)) {
      asked_at_ = now;
      is_asked_.store(true, std::memory_order_relaxed);
      boost::asio::post(io_, [this] { is_asked_.store(false, std::memory_order_relaxed); });
    }
    return now - asked_at_;
  }
  /// The loop has ended and need not turn any more. Any thread may call this.
  void end() { has_ended_.store(true, std::memory_order_relaxed); }

 private:
  boost::asio::io_context& io_;
  runtime::Time asked_at_;
  std::atomic<bool> is_asked_ = false;
  std::atomic<bool> has_ended_ = false;
};

}  // namespace pillion::app
