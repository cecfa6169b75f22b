#include "admin/finding_changes.hpp"

#include <utility>

namespace pillion::admin {

FindingChanges::Changes FindingChanges::take(const std::vector<Finding>& findings, runtime::Time now) {
  Changes changes;
  for (const auto& finding : findings) {
    if (!needs_attention(finding.severity)) continue;
    const auto key = std::string(finding.code) + " " + finding.subject;
    const auto [known, is_new] = known_.insert_or_assign(key, Known{.finding = finding, .seen = now});
    if (is_new) changes.begun.push_back(finding);
  }
  for (auto each = known_.begin(); each != known_.end();) {
    if (now - each->second.seen < memory) {
      ++each;
    } else {
      changes.over.push_back(std::move(each->second.finding));
      each = known_.erase(each);
    }
  }
  return changes;
}

}  // namespace pillion::admin
