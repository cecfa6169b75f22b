// What the resolver tells a tracer. This must not cost a hit anything, so that it is found out a second time.

#include "dns/name.hpp"
#include "resolve/resolver.hpp"
#include "resolve/trace_events.hpp"

namespace pillion::resolve {

namespace trace = upstream::trace;

void Resolver::explain(const dns::QueryView& query, const Found& found, const trace::Link& trace) const {
  // For a walk, each step is explained by itself.
  if (trace.tracer == nullptr || found.miss.walk) return;
  auto place = place_of(query);
  const bool is_routed = std::holds_alternative<trace::Routed>(place);
  // The result of a search is cached under a name that may not exist.
  const bool is_cached = found.answer && found.answer->entry != nullptr;
  if (is_routed || !is_cached) trace::note(trace, [&] { return place; });
  if (is_routed || is_cached) trace::note(trace, [&] { return state_of_cache(found); });
}

/// Decides as look_without_search() does.
trace::What Resolver::place_of(const dns::QueryView& query) const {
  const auto& question = query.question();
  if (generation_->asking_probe(query) != nullptr) return trace::LoopFound{};
  const auto name = generation_->name_to_route(question);
  const auto place = generation_->find(name);
  auto zone = dns::to_text(generation_->zone_of(name));
  if (place.zone != nullptr)
    return trace::AnsweredLocally{.zone = std::move(zone), .is_special_use = generation_->is_special_use(name)};
  const auto& search = generation_->search();
  if (search && !search->may_exist(question.name)) return trace::Withheld{};
  return trace::Routed{.zone = std::move(zone), .group = place.group->name, .is_encrypted = place.group->encrypted};
}

trace::CacheLooked Resolver::state_of_cache(const Found& found) const {
  using enum trace::CacheState;
  if (cache_ == nullptr) return {.state = disabled};
  if (found.miss.is_signed) return {.state = bypassed};
  if (!found.answer) return {.state = found.miss.destination.has_stale ? stale : miss};
  const auto& entry = *found.answer->entry;
  const auto now = found.answer->now;
  const auto usable = entry.kind() == cache::Kind::failure ? fresh_failure : fresh;
  return {.state = found.answer->source == Source::stale ? stale_given : usable,
          .content = trace::content_of(entry.kind()),
          .name = dns::to_text(entry.name()),
          .age = now - entry.stored(),
          .left = entry.expires() - now};
}

}  // namespace pillion::resolve
