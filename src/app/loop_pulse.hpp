#pragma once
// Whether a loop turns, as seen by another thread.

#include <atomic>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "runtime/clock.hpp"

namespace pillion::app {

/// Asks the loop by a handler of its own. Outlives the loop's handlers; but for end(), it belongs to the thread that
/// asks.
class LoopPulse {
 public:
  /// A loop that has not answered for so long does not turn.
  static constexpr std::chrono::seconds patience{5};

  explicit LoopPulse(boost::asio::io_context& io) : io_(io) {}
  LoopPulse(const LoopPulse&) = delete;
  LoopPulse& operator=(const LoopPulse&) = delete;

  /// For how long the loop has owed an answer; asks again where it owes none. So a loop that stands is found by the
  /// second look, after `patience`.
  [[nodiscard]] runtime::Duration look(runtime::Time now) {
    if (has_ended_.load(std::memory_order_relaxed)) return runtime::Duration::zero();
    if (!is_asked_.load(std::memory_order_relaxed)) {
      asked_at_ = now;
      is_asked_.store(true, std::memory_order_relaxed);
      boost::asio::post(io_, [this] { is_asked_.store(false, std::memory_order_relaxed); });
    }
    return now - asked_at_;
  }
  /// The loop has done its work and is not to turn any more. From any thread.
  void end() { has_ended_.store(true, std::memory_order_relaxed); }

 private:
  boost::asio::io_context& io_;
  runtime::Time asked_at_;
  std::atomic<bool> is_asked_ = false;
  std::atomic<bool> has_ended_ = false;
};

}  // namespace pillion::app
