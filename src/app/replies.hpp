#pragma once
// Collects the replies of several threads for one that waits.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace pillion::app {

/// One reply from each of several threads. A reply may come after the wait has ended.
template <typename Value>
class Replies {
 public:
  explicit Replies(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) promises_.push_back(std::make_shared<std::promise<Value>>());
  }

  /// The function that takes reply number `i`. It must be called once, by any thread.
  [[nodiscard]] std::function<void(Value)> reply(std::size_t i) const {
    return [promise = promises_[i]](Value value) { promise->set_value(std::move(value)); };
  }

  /// Waits for all replies and returns them in order. nullopt if `cancelled` became true before. Called once.
  [[nodiscard]] std::optional<std::vector<Value>> wait(const std::atomic<bool>& cancelled) {
    constexpr std::chrono::milliseconds look_every{20};
    std::vector<Value> values;
    for (const auto& promise : promises_) {
      auto reply = promise->get_future();
      while (reply.wait_for(look_every) != std::future_status::ready) {
        if (cancelled) return std::nullopt;
      }
      values.push_back(reply.get());
    }
    return values;
  }

 private:
  std::vector<std::shared_ptr<std::promise<Value>>> promises_;
};

}  // namespace pillion::app
