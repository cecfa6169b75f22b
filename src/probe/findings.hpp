#pragma once
// Evaluates the measurements of a server: its problems, and its rank among the others. Pure.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "probe/figures.hpp"
#include "probe/settings.hpp"

namespace pillion::probe {

enum class ProbeSeverity : std::uint8_t {
  failed,   ///< the server cannot be used with this configuration
  warning,  ///< the server can be used, with a disadvantage
};

struct ProbeFinding {
  ProbeSeverity severity = ProbeSeverity::warning;
  std::string text;  ///< one sentence without its full stop
};

/// Why the server could not be measured, in words. `figures.failure` must be set.
[[nodiscard]] std::string failure_text(const ProbeTarget& target, const ProbeFigures& figures);

/// All findings, failures first. Empty if there is nothing to report.
[[nodiscard]] std::vector<ProbeFinding> findings_of(const ProbeTarget& target, const ProbeFigures& figures);

/// True if a finding is ProbeSeverity::failed.
[[nodiscard]] bool has_failed(const std::vector<ProbeFinding>& findings);

/// A target with its measurements and findings.
struct ProbedServer {
  ProbeTarget target;
  ProbeFigures figures;
  std::vector<ProbeFinding> findings;
};

/// The servers in order, the best first: servers without failures by the sum of the medians of hot and cold names,
/// then those with failures. Equal servers keep their order.
[[nodiscard]] std::vector<ProbedServer> ranked(std::vector<ProbedServer> servers);

/// Whole days from the measurement to the first expiry of a certificate in the chain; negative if one has expired. The
/// largest number if there is no chain.
[[nodiscard]] std::int64_t days_left(const ProbeFigures& figures);

/// The date in UTC: "2026-11-26".
[[nodiscard]] std::string date_text(std::chrono::system_clock::time_point time);

}  // namespace pillion::probe
