// What a walk does next: a function of the states of its steps and of how far the search list lets it go.

#include <algorithm>

#include "resolve/search_walk.hpp"

namespace pillion::resolve {

/// What to do next. Everything that stays in the cluster is asked for at once, before the walk waits for any of it.
SearchWalk::Decision SearchWalk::decide() const {
  const auto next = follow();
  const bool is_open = next.action == Decision::Action::wait || next.action == Decision::Action::ask;
  if (!is_open) return next;
  if (const auto inner = unasked_inner_step()) return {.action = Decision::Action::ask, .step = *inner};
  return next;
}

std::optional<std::size_t> SearchWalk::unasked_inner_step() const {
  const auto is_unasked = [this](std::size_t index) { return steps_[index].state == State::unasked; };
  const auto guards = plan_.may_leave ? guards_ : 1;
  for (std::size_t i = 0; i < plan_.inner; ++i) {
    if (is_unasked(i)) return i;
  }
  for (std::size_t i = candidates_; i < candidates_ + guards; ++i) {
    if (is_unasked(i)) return i;
  }
  return std::nullopt;
}

/// What libc's walk would do next, one step after the other.
SearchWalk::Decision SearchWalk::follow() const {
  constexpr Decision to_client{.action = Decision::Action::answer_first};
  const auto& first = steps_.front();
  if (first.state != State::missing) return look_at(0).value_or(to_client);
  if (const auto decision = look_at_guard(0)) return *decision;
  for (std::size_t i = 1; i < plan_.inner; ++i) {
    if (const auto decision = look_at_inner(i)) return *decision;
  }
  if (plan_.bare_is_inner) return look_at(candidates_ - 1).value_or(to_client);
  if (!plan_.may_leave) return to_client;
  for (std::size_t i = 1; i < guards_; ++i) {
    if (const auto decision = look_at_guard(i)) return *decision;
  }
  // From here on names leave the cluster, each only after all before it were denied, as in libc's walk.
  for (std::size_t i = plan_.inner; i < candidates_; ++i) {
    if (const auto decision = look_at(i)) return *decision;
  }
  return to_client;
}

/// What follows from a candidate if all before it are missing; nullopt if it is missing too.
std::optional<SearchWalk::Decision> SearchWalk::look_at(std::size_t candidate) const {
  using enum Decision::Action;
  switch (steps_[candidate].state) {
    case State::unasked:
      return Decision{.action = ask, .step = candidate};
    case State::pending:
      return Decision{.action = wait};
    case State::missing:
      return std::nullopt;
    case State::exists:
      return Decision{.action = candidate == 0 ? answer_first : answer_found, .step = candidate};
    case State::failed:
      break;
  }
  return Decision{.action = answer_first};
}

/// As look_at(), but the walk does not depend on an answer for a name in a namespace that is known not to exist: where
/// the cluster's DNS does not answer, the denial of the namespace is enough, also an expired one.
std::optional<SearchWalk::Decision> SearchWalk::look_at_inner(std::size_t candidate) const {
  if (candidate != plan_.in_guarded_namespace) return look_at(candidate);
  if (passes_unanswered()) return std::nullopt;
  // The denial of the namespace may still come.
  const auto guard = steps_[candidates_ + 1].state;
  const bool is_open = guard == State::pending || guard == State::unasked;
  if (steps_[candidate].state == State::failed && is_open) return Decision{.action = Decision::Action::wait};
  return look_at(candidate);
}

/// True if the candidate in the guarded namespace has no answer, and the walk goes on without it.
bool SearchWalk::passes_unanswered() const {
  if (!plan_.in_guarded_namespace) return false;
  const auto state = steps_[*plan_.in_guarded_namespace].state;
  const auto& guard = steps_[candidates_ + 1];
  // An expired denial says that the cluster's DNS has not answered in time.
  const bool is_overdue = state == State::pending && (is_late_ || guard.source == Source::stale);
  return guard.state == State::missing && (state == State::failed || is_overdue);
}

/// True if libc's walk would be past that candidate: everything before it is missing.
bool SearchWalk::has_passed_unanswered() const {
  const auto is_missing = [](const Step& step) { return step.state == State::missing; };
  return passes_unanswered() && is_missing(steps_[candidates_]) &&
         std::ranges::all_of(std::views::take(steps_, static_cast<std::ptrdiff_t>(*plan_.in_guarded_namespace)),
                             is_missing);
}

/// What follows from a guard; nullopt if it is missing, so that the walk may go on.
std::optional<SearchWalk::Decision> SearchWalk::look_at_guard(std::size_t index) const {
  auto decision = look_at(candidates_ + index);
  if (decision && decision->action == Decision::Action::answer_found) decision->action = Decision::Action::answer_first;
  return decision;
}

}  // namespace pillion::resolve
