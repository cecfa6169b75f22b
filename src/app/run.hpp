#pragma once
// `pillion run`.

#include <string_view>

#include "app/handover.hpp"
#include "config/load.hpp"

namespace pillion::app {

/// Runs the proxy until SIGTERM or SIGINT, without a supervisor or as `handover` says. Returns the exit code: 0 after
/// a clean stop, 1 if the configuration cannot be used or the limit of open files is too low for it, 3 if an address
/// cannot be bound. Logs the configuration's warnings. `config_file` is for the log; empty for the defaults.
[[nodiscard]] int run(const config::Loaded& loaded, std::string_view config_file, Handover handover = {});

/// Binds the addresses for DNS as run() would, once for each thread, and sends the sockets to the supervisor over
/// `report`. Returns the exit code that run() would return: 0, 1 or 3.
[[nodiscard]] int bind_for_supervisor(const config::Loaded& loaded, int report);

}  // namespace pillion::app
