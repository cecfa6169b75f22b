#pragma once
// What several threads answer to one that waits for them.

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

/// One reply from each of several threads. A reply may come when nobody waits any more.
template <typename Value>
class Replies {
 public:
  explicit Replies(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) promises_.push_back(std::make_shared<std::promise<Value>>());
  }

  /// To be called once, by any thread, with the reply of number `i`.
  [[nodiscard]] std::function<void(Value)> reply(std::size_t i) const {
    return [promise = promises_[i]](Value value) { promise->set_value(std::move(value)); };
  }

  /// All replies, in their order; nullopt where `cancelled` became true before they were there. Once.
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
