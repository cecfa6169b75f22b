#pragma once
// What a new generation means for names that the old one has asked for.

#include <vector>

#include "cache/store.hpp"
#include "resolve/generation.hpp"

namespace pillion::resolve {

/// Compares two generations, both of which outlive this.
class ChangedNames {
 public:
  ChangedNames(const Generation& old, const Generation& next);

  /// What becomes of an answer to `name` that the old generation gave: kept where the new one asks the same upstream,
  /// without its word on names beneath where some of these are answered elsewhere now. `searched`: it is what a walk
  /// along the search list found for this name, its first step.
  /// Does not allocate, so that nothing is left half sorted out.
  [[nodiscard]] cache::Fate fate_of(dns::Bytes name, bool searched);

  /// True if the very same group is asked for it, with nothing changed.
  [[nodiscard]] bool is_asked_as_before(dns::Bytes name) const {
    return old_.find(name).group == next_.find(name).group;
  }

 private:
  [[nodiscard]] bool is_answered_alike(dns::Bytes name) const;
  [[nodiscard]] bool has_same_records(dns::Bytes name);
  [[nodiscard]] bool walks_alike(dns::Bytes name);

  const Generation& old_;
  const Generation& next_;
  bool has_same_search_;
  dns::Buffer step_;  // of a walk
  // The zones that were compared last: there may be many records in them, and many names.
  const LocalZone* compared_old_ = nullptr;
  const LocalZone* compared_next_ = nullptr;
  bool are_equal_ = false;
};

}  // namespace pillion::resolve
