#pragma once
// The command line: arguments to subcommand to exit code.

#include <iosfwd>
#include <span>
#include <string>

namespace pillion::cli {

/// Runs the subcommand that `args` (without the program's name) ask for; a bare `pillion`, with or without options, is
/// `pillion run`. Nothing may have called OpenSSL before. Answers go to `out`, complaints to `err`. Returns the exit
/// code: 0 clean, 1 bad configuration (or, for `query`, no answer, for `reload`, none that was taken, for `health`, not
/// healthy, for `probe`, a server that fails, for `inject` and `uninject`, something that is not as it is to be), 2 bad
/// command line, 3 cannot bind.
[[nodiscard]] int main(std::span<const std::string> args, std::ostream& out, std::ostream& err);

/// Where the arguments ask for a supervisor, and this process is not one that a supervisor has started, this process is
/// the supervisor and exits; it goes on in a child, which returns. Otherwise returns at once. `argv` is main()'s, with
/// the program's name. To be called before anything else (app::supervise()).
void supervise_if_asked(std::span<char*> argv);

}  // namespace pillion::cli
