#include "resolve/changed_names.hpp"

#include <algorithm>

#include "dns/name.hpp"

namespace pillion::resolve {
namespace {

/// True if both ask the same upstream, or the one has become the other: a server of it is left.
bool are_same(const UpstreamGroup& old, const UpstreamGroup& next) {
  if (&old == &next) return true;
  return old.encrypted == next.encrypted && std::ranges::find_first_of(old.servers, next.servers) != old.servers.end();
}

}  // namespace

ChangedNames::ChangedNames(const Generation& old, const Generation& next)
    : old_(old), next_(next), has_same_search_(old.search() == next.search()) {}

bool ChangedNames::is_answered_alike(dns::Bytes name) const {
  const auto* const old = old_.find(name).group;
  const auto* const next = next_.find(name).group;
  return old != nullptr && next != nullptr && are_same(*old, *next);
}

/// True if all that a walk along the list asks for is answered as before.
bool ChangedNames::walks_alike(dns::Bytes name) const {
  const auto& search = next_.search();
  if (!has_same_search_ || !search) return false;
  const auto base = search->base_of(name, dns::type::a);
  if (!base) return false;
  const auto is_alike = [&](dns::Bytes step) {
    const bool was_local = old_.find(step).zone != nullptr && next_.find(step).zone != nullptr;
    return was_local || is_answered_alike(step);
  };
  dns::Buffer step;
  for (std::size_t i = 0; i < search->candidate_count(); ++i) {
    step.clear();
    if (search->append_candidate(*base, i, step) && !is_alike(step)) return false;
  }
  return true;
}

cache::Fate ChangedNames::fate_of(dns::Bytes name, bool searched) const {
  if (searched) return walks_alike(name) ? cache::Fate::kept : cache::Fate::dropped;
  if (!is_answered_alike(name)) return cache::Fate::dropped;
  return next_.leads_elsewhere(name) ? cache::Fate::kept_for_its_name : cache::Fate::kept;
}

}  // namespace pillion::resolve
