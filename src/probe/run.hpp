#pragma once
// Measures several servers.

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "probe/figures.hpp"
#include "probe/settings.hpp"
#include "runtime/log.hpp"

namespace pillion::probe {

/// Called with the progress: `part` (0 to 1) of target number `index` is done. `index` is the number of targets during
/// the common wait for idle timeouts.
using ShowProgress = std::function<void(std::size_t index, std::string_view step, double part)>;

/// Measures the targets one after the other, so that they do not disturb each other. Then waits for the idle timeouts
/// of all of them at once. Returns the figures in the order of the targets. Runs a loop of its own on the calling
/// thread. Throws what upstream::TlsContext and upstream::TlsIdentity throw.
[[nodiscard]] std::vector<ProbeFigures> measure_all(runtime::Log& log, const std::vector<ProbeTarget>& targets,
                                                    const ProbeNames& names, const ProbeLimits& limits,
                                                    const ShowProgress& show);

}  // namespace pillion::probe
