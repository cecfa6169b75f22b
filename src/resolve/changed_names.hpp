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
  [[nodiscard]] cache::Fate fate_of(dns::Bytes name, bool searched) const;

 private:
  [[nodiscard]] bool is_answered_alike(dns::Bytes name) const;
  [[nodiscard]] bool walks_alike(dns::Bytes name) const;

  const Generation& old_;
  const Generation& next_;
  bool has_same_search_;
};

}  // namespace pillion::resolve
