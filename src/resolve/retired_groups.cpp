#include "resolve/retired_groups.hpp"

#include <algorithm>
#include <utility>

namespace pillion::resolve {

void RetiredGroups::add(std::vector<std::shared_ptr<UpstreamGroup>> groups) {
  if (groups.empty()) return;
  schedule_.set_deadline(*this, schedule_.clock().now() + look_every);
  const auto& added = generations_.emplace_back(std::move(groups));
  for (const auto& each : added) {
    if (each->loop_probe) each->loop_probe->stop();
  }
  publish();
}

void RetiredGroups::stop() {
  schedule_.clear_deadline(*this);
  for (const auto& generation : generations_) {
    for (const auto& each : generation) each->group->stop();
  }
}

bool RetiredGroups::are_stopped() const {
  return std::ranges::all_of(generations_, [](const auto& generation) {
    return std::ranges::all_of(generation, [](const auto& each) { return each->group->is_stopped(); });
  });
}

bool RetiredGroups::trim() {
  bool is_more = false;
  for (const auto& generation : generations_) {
    for (const auto& each : generation) is_more |= each->group->trim();
  }
  return is_more;
}

/// Closes the connections of groups that have become idle. stop() may be called repeatedly.
void RetiredGroups::expired(runtime::Time now) {
  for (auto& generation : generations_) {
    std::erase_if(generation, [](const std::shared_ptr<UpstreamGroup>& each) {
      if (!each->group->is_idle()) return false;
      if (each->group->is_stopped()) return true;
      each->group->stop();
      return each->group->is_stopped();
    });
  }
  std::erase_if(generations_, [](const auto& generation) { return generation.empty(); });
  publish();
  if (!generations_.empty()) schedule_.set_deadline(*this, now + look_every);
}

}  // namespace pillion::resolve
