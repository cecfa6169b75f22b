#pragma once
// Keeps a fault that repeats from flooding the log. Pure: the caller passes the time.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/clock.hpp"

namespace pillion::runtime {

/// Admits at most one line per key and interval. The number of remembered keys is limited, so that a peer that chooses
/// keys cannot make memory grow. While that many keys are within their interval, all further keys share one allowance.
class LogLimiter {
 public:
  explicit LogLimiter(Duration interval = std::chrono::seconds(10), std::size_t max_keys = 256)
      : interval_(interval), max_keys_(max_keys) {}

  /// If the line may be written, the number of lines of this key that were suppressed since the last one; else
  /// nullopt.
  [[nodiscard]] std::optional<std::uint64_t> admit(std::string_view key, Time now) {
    const auto found = keys_.find(std::string(key));
    if (found != keys_.end()) return admit(found->second, now);
    if (keys_.size() >= max_keys_) {
      std::erase_if(keys_, [&](const auto& one) { return now - one.second.last >= interval_; });
    }
    if (keys_.size() >= max_keys_) {
      if (!overflow_) return overflow_.emplace(KeyHistory{now, 0}).suppressed;
      return admit(*overflow_, now);
    }
    keys_.emplace(key, KeyHistory{now, 0});
    return 0;
  }

 private:
  struct KeyHistory {
    Time last;
    std::uint64_t suppressed;
  };
  std::optional<std::uint64_t> admit(KeyHistory& history, Time now) const {
    if (now - history.last < interval_) {
      ++history.suppressed;
      return std::nullopt;
    }
    history.last = now;
    return std::exchange(history.suppressed, 0);
  }

  Duration interval_;
  std::size_t max_keys_;
  std::unordered_map<std::string, KeyHistory> keys_;
  std::optional<KeyHistory> overflow_;
};

/// Admits at most `lines` lines in any interval.
class LogAllowance {
 public:
  /// `lines`: at least 1.
  explicit LogAllowance(std::size_t lines = 10, Duration interval = std::chrono::seconds(10))
      : interval_(interval), admitted_(lines) {}

  /// If the line may be written, the number of lines that were suppressed since the last one; else nullopt.
  [[nodiscard]] std::optional<std::uint64_t> admit(Time now) {
    auto& oldest = admitted_[next_];
    if (oldest && now - *oldest < interval_) {
      ++suppressed_;
      return std::nullopt;
    }
    oldest = now;
    next_ = (next_ + 1) % admitted_.size();
    return std::exchange(suppressed_, 0);
  }

 private:
  Duration interval_;
  std::vector<std::optional<Time>> admitted_;  // a ring of the times of the last lines
  std::size_t next_ = 0;
  std::uint64_t suppressed_ = 0;
};

}  // namespace pillion::runtime
