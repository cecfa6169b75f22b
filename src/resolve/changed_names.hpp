#pragma once
// What a new generation changes for the names that the old one has asked for.

#include <vector>

#include "cache/store.hpp"
#include "resolve/generation.hpp"

namespace pillion::resolve {

/// Compares two generations. Both must outlive this.
class ChangedNames {
 public:
  ChangedNames(const Generation& old, const Generation& next);

  /// What happens to an answer to `name` that the old generation gave. It is kept if the new generation asks the same
  /// upstream. It loses what it says about names beneath `name` if some of these are now answered elsewhere.
  /// `searched` is true if a walk along the search list found the answer for this name, its first step.
  ///
  /// Does not allocate, so that it cannot fail halfway.
  [[nodiscard]] cache::Fate fate_of(dns::Bytes name, bool searched);

  /// True if both generations ask the very same group for `name`.
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
  dns::Buffer step_;  // a step of a walk
  // The zones compared last, since a zone may have many records and many names may lie in it.
  const LocalZone* compared_old_ = nullptr;
  const LocalZone* compared_next_ = nullptr;
  bool are_equal_ = false;
};

}  // namespace pillion::resolve
