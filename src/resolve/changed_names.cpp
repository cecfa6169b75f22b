#include "resolve/changed_names.hpp"

#include <algorithm>

#include "dns/name.hpp"

namespace pillion::resolve {
namespace {

/// True if both groups are of the same upstream: one group, or two that are equally encrypted and have a server in
/// common.
bool are_same(const UpstreamGroup& old, const UpstreamGroup& next) {
  if (&old == &next) return true;
  return old.encrypted == next.encrypted && std::ranges::find_first_of(old.servers, next.servers) != old.servers.end();
}

}  // namespace

ChangedNames::ChangedNames(const Generation& old, const Generation& next)
    : old_(old), next_(next), has_same_search_(old.search() == next.search()) {
  step_.reserve(dns::max_name_size);
}

bool ChangedNames::is_answered_alike(dns::Bytes name) const {
  const auto* const old = old_.find(name).group;
  const auto* const next = next_.find(name).group;
  return old != nullptr && next != nullptr && are_same(*old, *next);
}

/// True if the name lies in a local zone in both generations, and the zone has the same records.
bool ChangedNames::has_same_records(dns::Bytes name) {
  const auto* const old = old_.find(name).zone;
  const auto* const next = next_.find(name).zone;
  if (old == nullptr || next == nullptr) return false;
  if (old != compared_old_ || next != compared_next_) {
    compared_old_ = old;
    compared_next_ = next;
    are_equal_ = *old == *next;
  }
  return are_equal_;
}

/// True if every name that a walk along the list asks for, including guards, is answered as before.
bool ChangedNames::walks_alike(dns::Bytes name) {
  const auto& search = next_.search();
  if (!has_same_search_ || !search) return false;
  const auto base = search->base_of(name, dns::type::a);
  if (!base) return false;
  const auto is_alike = [this] { return is_answered_alike(step_) || has_same_records(step_); };
  for (std::size_t i = 0; i < search->candidate_count(); ++i) {
    step_.clear();
    if (search->append_candidate(*base, i, step_) && !is_alike()) return false;
  }
  for (std::size_t i = 0; i < search->guard_count(); ++i) {
    step_.clear();
    if (search->append_guard(*base, i, step_) && !is_alike()) return false;
  }
  return true;
}

cache::Fate ChangedNames::fate_of(dns::Bytes name, bool searched) {
  if (searched) return walks_alike(name) ? cache::Fate::kept : cache::Fate::dropped;
  if (!is_answered_alike(name)) return cache::Fate::dropped;
  return next_.leads_elsewhere(name) ? cache::Fate::kept_for_its_name : cache::Fate::kept;
}

}  // namespace pillion::resolve
