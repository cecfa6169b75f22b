#pragma once
// `pillion run`.

#include <string_view>

#include "config/load.hpp"

namespace pillion::app {

/// Runs the proxy until SIGTERM or SIGINT and returns the exit code of the contract: 0 a clean stop, 1 a configuration
/// that cannot be used, or one for which the limit of open files is too low, 3 an address that cannot be bound. The
/// configuration's warnings are logged. `config_file` is for the log; empty for the defaults.
[[nodiscard]] int run(const config::Loaded& loaded, std::string_view config_file);

}  // namespace pillion::app
