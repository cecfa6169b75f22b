#pragma once
// The exit codes of the program. app::run() returns the same ones.

namespace pillion::cli::exit_code {

inline constexpr int clean = 0, bad_configuration = 1, no_answer = 1, not_reloaded = 1, not_healthy = 1,
                     not_injected = 1, failed_check = 1, no_status = 1, not_printed = 1, bad_command_line = 2;

}  // namespace pillion::cli::exit_code
