#pragma once
// Which findings of the verdict have begun, and which are over: for the log, which says each of them once. Pure.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "admin/verdict.hpp"
#include "runtime/clock.hpp"

namespace pillion::admin {

/// A finding that comes and goes is one: it is over when it has not been found for `memory`.
class FindingChanges {
 public:
  static constexpr std::chrono::seconds memory{60};

  struct Changes {
    std::vector<Finding> begun;
    std::vector<Finding> over;  ///< as they were found last
  };
  /// `findings` are those of `now`. Those that need nobody's attention, notices and all_well, are passed over.
  [[nodiscard]] Changes take(const std::vector<Finding>& findings, runtime::Time now);

 private:
  struct Known {
    Finding finding;
    runtime::Time seen;
  };
  std::map<std::string, Known> known_;  // by code and subject
};

}  // namespace pillion::admin
