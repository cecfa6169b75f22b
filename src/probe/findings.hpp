#pragma once
// What the figures of a server mean: what is wrong with it, and which server is the better one. Pure.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "probe/figures.hpp"
#include "probe/settings.hpp"

namespace pillion::probe {

enum class Severity : std::uint8_t {
  failed,   ///< the server cannot be used as it is configured
  warning,  ///< it can, at a price
};

struct Finding {
  Severity severity = Severity::warning;
  std::string text;  ///< one sentence without its full stop
};

/// Why the server could not be asked, for people. There is a failure.
[[nodiscard]] std::string failure_text(const ProbeTarget& target, const ServerFigures& figures);

/// The failures first. Empty for a server that is as one would wish.
[[nodiscard]] std::vector<Finding> findings_of(const ProbeTarget& target, const ServerFigures& figures);

/// True if one of them is Severity::failed.
[[nodiscard]] bool has_failed(const std::vector<Finding>& findings);

/// A target, its figures, and what they mean.
struct ProbedServer {
  ProbeTarget target;
  ServerFigures figures;
  std::vector<Finding> findings;
};

/// The servers in the order of the better one first: those that have failed come last, the others by the sum of the
/// medians of hot and cold names. Those that are alike stay in their order.
[[nodiscard]] std::vector<ProbedServer> ranked(std::vector<ProbedServer> servers);

/// Whole days from the measurement to the end of the chain's first certificate to end; negative where it has ended.
[[nodiscard]] std::int64_t days_left(const ServerFigures& figures);

/// "2026-11-26".
[[nodiscard]] std::string date_text(std::chrono::system_clock::time_point time);

}  // namespace pillion::probe
