#pragma once
// Limits of the whole process: what all shards together may have.

#include <atomic>
#include <cstddef>
#include <utility>

namespace pillion::server {

/// Counts places that the shards take and give back. No lock: where shards ask for the last place in the same moment,
/// it may be refused to all of them.
class SharedLimit {
 public:
  explicit SharedLimit(std::size_t limit) : limit_(limit) {}
  SharedLimit(const SharedLimit&) = delete;
  SharedLimit& operator=(const SharedLimit&) = delete;

  /// False where there is none left; else give_back() follows.
  [[nodiscard]] bool take() {
    if (taken_.fetch_add(1, std::memory_order_relaxed) < limit_) return true;
    give_back();
    return false;
  }
  void give_back() { taken_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::size_t taken() const { return taken_.load(std::memory_order_relaxed); }

 private:
  const std::size_t limit_;
  // Written by every shard: on a cache line of its own.
  alignas(64) std::atomic<std::size_t> taken_{0};
};

/// A place that is given back when this is destroyed, if there was one.
class Place {
 public:
  explicit Place(SharedLimit& limit) : limit_(limit.take() ? &limit : nullptr) {}
  ~Place() {
    if (limit_ != nullptr) limit_->give_back();
  }
  Place(Place&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)) {}
  Place& operator=(Place&&) = delete;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] explicit operator bool() const { return limit_ != nullptr; }

 private:
  SharedLimit* limit_;
};

struct SharedLimits {
  /// Queries that wait for an answer; more are refused with an Extended DNS Error.
  static constexpr std::size_t max_in_flight = 16'384;

  explicit SharedLimits(std::size_t max_connections) : connections(max_connections) {}

  SharedLimit connections;  ///< of TCP clients
  SharedLimit queries{max_in_flight};
};

}  // namespace pillion::server
