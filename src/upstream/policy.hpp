#pragma once
// Which of an upstream's servers gets the next query. Pure.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "config/config.hpp"
#include "upstream/health.hpp"
#include "upstream/trace.hpp"

namespace pillion::upstream {

/// Servers as bits, by their place in the configuration; there are at most 16 (config::Upstream).
using ServerSet = std::uint32_t;

class Policy {
 public:
  /// `random` is uniform in [0, 1).
  Policy(config::PolicyKind kind, std::function<double()> random) : kind_(kind), random_(std::move(random)) {}

  /// The server to ask, not one of `tried`. Servers that are responsive come first, then those that are up; of those
  /// that are down, the one that is tried again first. nullopt when all were tried.
  [[nodiscard]] std::optional<std::size_t> choose(std::span<const Health* const> servers, ServerSet tried);
  /// Why choose() has just said `chosen`, of the same servers.
  [[nodiscard]] trace::Why explain(std::span<const Health* const> servers, ServerSet tried, std::size_t chosen) const;

 private:
  /// Share of queries that go to a server other than the fastest, so that its latency stays known.
  static constexpr double probe_share = 0.05;

  [[nodiscard]] std::optional<std::size_t> choose_up(std::span<const Health* const> servers, ServerSet candidates);

  config::PolicyKind kind_;
  std::function<double()> random_;
  std::size_t next_ = 0;
};

}  // namespace pillion::upstream
