#pragma once
// The layers between a listener and the upstreams. For now: the one route "." and its group.

#include <memory>

#include "resolve/failover.hpp"

namespace pillion::resolve {

class Resolver {
 public:
  explicit Resolver(std::unique_ptr<Failover> root) : root_(std::move(root)) {}

  /// Opens the warm connections.
  void start() { root_->start(); }
  /// Answers `request` once, now or later. `query` is not used after the call.
  void resolve(const dns::QueryView& query, Request& request) { root_->resolve(query, request); }
  /// Closes the upstream connections in an orderly way; they are gone when is_stopped().
  void stop() { root_->stop(); }
  [[nodiscard]] bool is_stopped() const { return root_->is_stopped(); }
  /// Has a first connection to any server been made, or failed?
  [[nodiscard]] bool is_warm() const { return root_->is_warm(); }

 private:
  std::unique_ptr<Failover> root_;
};

}  // namespace pillion::resolve
