#include "upstream/quarantine.hpp"

#include <utility>

namespace pillion::upstream {

std::vector<Query*> Quarantine::take(std::span<Query* const> lost, bool is_alone, bool was_lane) {
  std::vector<Query*> given_up;
  for (auto query = lost.rbegin(); query != lost.rend(); ++query) {
    auto& suspicion = (*query)->suspicion;
    ++suspicion.endings;
    if (is_alone) ++suspicion.endings_alone;
    if (is_alone || was_lane) suspicion.alone = true;
    if (suspicion.endings_alone >= endings_alone_to_fail || suspicion.endings >= Query::max_endings) {
      given_up.push_back(*query);
    } else {
      (*query)->waits_apart = true;
      waiting_.push_front(*query);
    }
  }
  return given_up;
}

void Quarantine::push_back(Query& query) {
  query.waits_apart = true;
  waiting_.push_back(&query);
}

void Quarantine::erase(Query& query) {
  query.waits_apart = false;
  waiting_.erase(std::ranges::find(waiting_, &query));
}

std::deque<Query*> Quarantine::release() {
  for (auto* const query : waiting_) query->waits_apart = false;
  return std::exchange(waiting_, {});
}

Query* Quarantine::next(const Lane& lane, std::size_t in_flight, bool alone_under_way) {
  if (waiting_.empty()) return nullptr;
  auto* const query = waiting_.front();
  if (in_flight > 0 && (in_flight >= lane.window || alone_under_way || query->suspicion.alone)) return nullptr;
  waiting_.pop_front();
  query->waits_apart = false;
  return query;
}

}  // namespace pillion::upstream
