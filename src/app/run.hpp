#pragma once
// `pillion run`.

#include <string_view>

#include "app/handover.hpp"
#include "config/load.hpp"

namespace pillion::app {

/// Runs the proxy, without a supervisor or as `handover` says, until SIGTERM or SIGINT and returns the exit code of the
/// contract: 0 a clean stop, 1 a configuration that cannot be used, or one for which the limit of open files is too
/// low, 3 an address that cannot be bound. The configuration's warnings are logged. `config_file` is for the log; empty
/// for the defaults.
[[nodiscard]] int run(const config::Loaded& loaded, std::string_view config_file, Handover handover = {});

/// Binds what run() would listen on for DNS, once for each thread, sends the sockets to the supervisor over `report`,
/// and returns the exit code that run() would have: 0, 1 or 3.
[[nodiscard]] int bind_for_supervisor(const config::Loaded& loaded, int report);

}  // namespace pillion::app
