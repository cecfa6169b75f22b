#pragma once
// Limits of the whole process, which its shards share.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>

#include "server/shared_clients.hpp"

namespace pillion::server {

/// Counts places that the shards take and give back, without a lock. If several shards ask for the last place at the
/// same moment, it may be refused to all of them.
class SharedLimit {
 public:
  explicit SharedLimit(std::size_t limit) : limit_(limit) {}
  SharedLimit(const SharedLimit&) = delete;
  SharedLimit& operator=(const SharedLimit&) = delete;

  /// False if no place is left. After true, give_back() must follow.
  [[nodiscard]] bool take() {
    if (taken_.fetch_add(1, std::memory_order_relaxed) < limit_) return true;
    give_back();
    return false;
  }
  void give_back() { taken_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::size_t taken() const { return taken_.load(std::memory_order_relaxed); }
  /// Places that are left. Other threads may take them at any moment.
  [[nodiscard]] std::size_t room() const { return limit_ - std::min(limit_, taken()); }

 private:
  const std::size_t limit_;
  // On its own cache line, since every shard writes it.
  alignas(64) std::atomic<std::size_t> taken_{0};
};

/// A place in a SharedLimit, or none if the limit was reached. The destructor gives the place back.
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
  /// The most queries that wait for an answer. Further ones are refused with an Extended DNS Error.
  static constexpr std::size_t max_in_flight = 16'384;

  explicit SharedLimits(std::size_t max_connections, std::size_t shard_count = 1)
      : shards(shard_count), connections(max_connections) {}

  const std::size_t shards;
  SharedLimit connections;  ///< TCP connections of clients
  SharedLimit queries{max_in_flight};
  SharedClients clients;  ///< unused by a single shard, whose ClientTable knows all of it
};

}  // namespace pillion::server
