#include "upstream/policy.hpp"

#include <bit>

namespace pillion::upstream {
namespace {

bool contains(ServerSet set, std::size_t server) {
  return (set >> server & 1U) != 0;
}

/// The `n`-th member of `set`, counted from zero.
std::size_t member(ServerSet set, std::size_t n) {
  for (; n > 0; --n) set &= set - 1;
  return static_cast<std::size_t>(std::countr_zero(set));
}

/// `candidates` must not be empty.
std::size_t fastest_of(std::span<const Health* const> servers, ServerSet candidates) {
  auto best = member(candidates, 0);
  for (auto i = best + 1; i < servers.size(); ++i) {
    // A server that was never asked is not preferred; the queries of exploration_share will measure it.
    if (contains(candidates, i) && servers[i]->latency() &&
        (!servers[best]->latency() || *servers[i]->latency() < *servers[best]->latency())) {
      best = i;
    }
  }
  return best;
}

}  // namespace

std::optional<std::size_t> Policy::choose(std::span<const Health* const> servers, ServerSet tried) {
  ServerSet responsive = 0;
  ServerSet up = 0;
  std::optional<std::size_t> soonest;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (contains(tried, i)) continue;
    if (servers[i]->is_responsive()) {
      responsive |= ServerSet{1} << i;
    } else if (servers[i]->is_up()) {
      up |= ServerSet{1} << i;
    } else if (!soonest || servers[i]->retry_at_if_asked() < servers[*soonest]->retry_at_if_asked()) {
      soonest = i;
    }
  }
  if (responsive != 0) return choose_up(servers, responsive);
  return up != 0 ? choose_up(servers, up) : soonest;
}

std::optional<std::size_t> Policy::choose_up(std::span<const Health* const> servers, ServerSet candidates) {
  const auto count = static_cast<std::size_t>(std::popcount(candidates));
  const auto any_of = [this](ServerSet set) {
    return member(set, static_cast<std::size_t>(random_() * static_cast<double>(std::popcount(set))));
  };
  if (count == 1) return member(candidates, 0);
  switch (kind_) {
    case config::PolicyKind::sequential:
      return member(candidates, 0);
    case config::PolicyKind::round_robin:
      return member(candidates, next_++ % count);
    case config::PolicyKind::random:
      return any_of(candidates);
    case config::PolicyKind::fastest:
      break;
  }
  const auto best = fastest_of(servers, candidates);
  if (random_() < exploration_share) return any_of(candidates & ~(ServerSet{1} << best));
  return best;
}

trace::Why Policy::explain(std::span<const Health* const> servers, ServerSet tried, std::size_t chosen) const {
  using enum trace::Why;
  if (!servers[chosen]->is_up()) return soonest_back;
  // The servers that choose() ranks equally.
  ServerSet candidates = 0;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const bool is_as_good = servers[i]->is_up() && servers[i]->is_responsive() == servers[chosen]->is_responsive();
    if (!contains(tried, i) && is_as_good) candidates |= ServerSet{1} << i;
  }
  if (std::popcount(candidates) == 1) return only_one;
  switch (kind_) {
    case config::PolicyKind::sequential:
      return in_order;
    case config::PolicyKind::round_robin:
      return in_turn;
    case config::PolicyKind::random:
      return by_chance;
    case config::PolicyKind::fastest:
      break;
  }
  const auto best = fastest_of(servers, candidates);
  if (chosen != best) return exploration;
  return servers[best]->latency() ? lowest_latency : unmeasured;
}

}  // namespace pillion::upstream
