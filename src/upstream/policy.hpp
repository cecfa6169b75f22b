#pragma once
// Chooses the server of an upstream for the next query. Pure.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "config/config.hpp"
#include "upstream/health.hpp"
#include "upstream/trace.hpp"

namespace pillion::upstream {

/// A set of servers as bits, by their index in the configuration. There are at most 16 (config::Upstream).
using ServerSet = std::uint32_t;

class Policy {
 public:
  /// `random` returns uniform numbers in [0, 1).
  Policy(config::PolicyKind kind, std::function<double()> random) : kind_(kind), random_(std::move(random)) {}

  /// The server to ask, except those in `tried`. Responsive servers come first, then those that are up, then the
  /// server that is tried again soonest. nullopt if all are in `tried`.
  [[nodiscard]] std::optional<std::size_t> choose(std::span<const Health* const> servers, ServerSet tried);
  /// Why choose() has just chosen `chosen` for the same arguments.
  [[nodiscard]] trace::Why explain(std::span<const Health* const> servers, ServerSet tried, std::size_t chosen) const;

 private:
  /// The share of queries that go to another server than the fastest, so that its latency stays known.
  static constexpr double exploration_share = 0.05;

  [[nodiscard]] std::optional<std::size_t> choose_up(std::span<const Health* const> servers, ServerSet candidates);

  config::PolicyKind kind_;
  std::function<double()> random_;
  std::size_t next_ = 0;
};

}  // namespace pillion::upstream
