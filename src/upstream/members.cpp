#include "upstream/members.hpp"

#include <algorithm>
#include <utility>

namespace pillion::upstream {
namespace {

/// When a used-up connection that is still open shows that the server has no query limit: its last answer has come,
/// and no close after it.
runtime::Time doubted_at(const Member& used, const ServerProfile& profile) {
  constexpr std::chrono::milliseconds query_limit_doubt{250};
  return *used.used_up + query_limit_doubt + 2 * profile.health().latency().value_or(runtime::Duration{});
}

}  // namespace

Member& Members::add(std::unique_ptr<Connection> connection, std::optional<Quarantine::Lane> lane) {
  return members_.emplace_back(Member{.connection = std::move(connection), .lane = lane});
}

void Members::remove(const Connection& connection) {
  std::erase_if(members_, [&](const Member& m) { return m.connection.get() == &connection; });
}

Member& Members::of(const Connection& connection) {
  return *std::ranges::find_if(members_, [&](const Member& m) { return m.connection.get() == &connection; });
}

/// Fills one connection before the next. So they stay few, and the answers of a turn stay together.
Member* Members::with_room(ServerProfile& profile, std::size_t usual, runtime::Time now) {
  Member* least = nullptr;
  for (auto& candidate : members_) {
    if (candidate.lane || !candidate.takes_queries() || !candidate.connection->has_room()) continue;
    const auto query_limit = profile.query_limit();
    if (query_limit && candidate.sent >= *query_limit) {
      if (!candidate.used_up) candidate.used_up = now;
      if (now < doubted_at(candidate, profile)) continue;
      profile.forget_query_limit();
    }
    if (candidate.connection->in_flight() < usual) return &candidate;
    if (least == nullptr || candidate.connection->in_flight() < least->connection->in_flight()) least = &candidate;
  }
  return least;
}

std::optional<runtime::Time> Members::query_limit_doubted_at(const ServerProfile& profile) const {
  std::optional<runtime::Time> first;
  for (const auto& m : members_) {
    if (!m.takes_queries() || !m.used_up || !m.connection->has_room()) continue;
    const auto at = doubted_at(m, profile);
    if (!first || at < *first) first = at;
  }
  return first;
}

template <typename Wanted>
std::size_t Members::count(Wanted wanted) const {
  return static_cast<std::size_t>(std::ranges::count_if(members_, wanted));
}

std::size_t Members::opening() const {
  return count([](const Member& m) { return m.is_opening(); });
}

std::size_t Members::coming(bool lanes) const {
  return count([lanes](const Member& m) { return m.lane.has_value() == lanes && m.is_coming(); });
}

std::size_t Members::lanes() const {
  return count([](const Member& m) { return m.lane && !m.has_ended(); });
}

std::size_t Members::in_use() const {
  return count([](const Member& m) { return !m.lane && is_in_use(m.state()); });
}

std::size_t Members::ready() const {
  return count([](const Member& m) { return !m.lane && m.state() == ConnectionState::ready; });
}

Member* Members::any_ready() {
  const auto found = std::ranges::find_if(members_, [](const Member& m) { return m.takes_queries(); });
  return found == members_.end() ? nullptr : &*found;
}

bool Members::have_all_ended() const {
  return std::ranges::all_of(members_, [](const Member& m) { return m.has_ended(); });
}

bool Members::are_silent() const {
  const bool is_heard = std::ranges::any_of(members_, [](const Member& m) { return m.takes_queries(); });
  return !is_heard && count([](const Member& m) { return m.state() == ConnectionState::silent; }) > 0;
}

std::size_t Members::in_flight() const {
  std::size_t sum = 0;
  for (const auto& m : members_) sum += m.connection->in_flight();
  return sum;
}

Members::ByLabel Members::by_label() const {
  ByLabel counts{};
  for (const auto& m : members_) ++counts[label_of(m.state())];
  return counts;
}

}  // namespace pillion::upstream
