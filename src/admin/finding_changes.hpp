#pragma once
// Compares the verdict's findings with earlier ones, so that the log has one line when a finding begins and one when it
// is over. Pure.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "admin/finding.hpp"
#include "runtime/clock.hpp"

namespace pillion::admin {

/// A finding is over when it has been absent for `memory`. So a finding that comes and goes is reported once.
class FindingChanges {
 public:
  static constexpr std::chrono::seconds memory{60};

  struct Changes {
    std::vector<Finding> begun;
    std::vector<Finding> over;  ///< in their last form
  };
  /// `findings` are the verdict's at `now`, which must not be earlier than that of the last call. Ignores findings that
  /// need no attention, except notices about upstreams. A notice that comes to need attention begins once more.
  [[nodiscard]] Changes take(const std::vector<Finding>& findings, runtime::Time now);

 private:
  struct Known {
    Finding finding = {};
    runtime::Time seen = {};
    bool needed_attention = false;  // at some time since it began
  };
  std::map<std::string, Known> known_;  // by code and subject
};

}  // namespace pillion::admin
