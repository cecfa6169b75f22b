#include "admin/finding_changes.hpp"

#include <utility>

namespace pillion::admin {

namespace {

/// True if the log has a line about it. Where few ask, failed answers are only a notice, but whoever asked will look
/// for them in the log.
bool is_logged(const Finding& finding) {
  return needs_attention(finding.severity) ||
         (finding.severity == Severity::notice && finding.fault == Fault::upstream);
}

}  // namespace

FindingChanges::Changes FindingChanges::take(const std::vector<Finding>& findings, runtime::Time now) {
  Changes changes;
  for (const auto& finding : findings) {
    if (!is_logged(finding)) continue;
    const bool needs = needs_attention(finding.severity);
    const auto [known, is_new] = known_.try_emplace(std::string(finding.code) + " " + finding.subject);
    if (is_new || (needs && !known->second.needed_attention)) changes.begun.push_back(finding);
    known->second = {.finding = finding, .seen = now, .needed_attention = needs || known->second.needed_attention};
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
