#pragma once
// The command line: arguments to subcommand to exit code.

#include <iosfwd>
#include <span>
#include <string>

namespace pillion::cli {

/// Runs the subcommand that `args` (without the program's name) name. A bare `pillion`, with or without options, is
/// `pillion run`. Nothing may have called OpenSSL before. Writes answers to `out` and errors to `err`. Returns the
/// exit code: 0 clean, 2 bad command line, 3 cannot bind. 1 means a bad configuration; for `query` no answer, for
/// `reload` no configuration was applied, for `health` not healthy, for `probe` a server failed, for `status` no
/// status, for `inject` and `uninject` a workload that is not as requested.
[[nodiscard]] int main(std::span<const std::string> args, std::ostream& out, std::ostream& err);

/// Makes this process the supervisor if the arguments ask for one and no supervisor has started it. The supervisor
/// does not return: it exits, and only its child returns. Otherwise returns at once. `argv` is main()'s, including the
/// program's name. Called before anything else (app::supervise()).
void supervise_if_asked(std::span<char*> argv);

}  // namespace pillion::cli
