#pragma once
// The measures of several servers.

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "probe/figures.hpp"
#include "probe/settings.hpp"
#include "runtime/log.hpp"

namespace pillion::probe {

/// What is being done: `part` (0 to 1) of all that is to be done for target number `index` is done. `index` is that of
/// no target while all of them are waited for.
using ShowProgress = std::function<void(std::size_t index, std::string_view step, double part)>;

/// Measures one target after the other, so that they do not disturb each other, then waits for idle timeouts of all at
/// once. The figures are in the order of the targets. Runs a loop of its own, on the thread that calls. Throws as
/// upstream::TlsContext and upstream::TlsIdentity do.
[[nodiscard]] std::vector<ServerFigures> measure_all(runtime::Log& log, const std::vector<ProbeTarget>& targets,
                                                     const ProbeNames& names, const ProbeLimits& limits,
                                                     const ShowProgress& show);

}  // namespace pillion::probe
