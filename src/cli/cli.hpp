#pragma once
// The command line: arguments to subcommand to exit code.

#include <iosfwd>
#include <span>
#include <string>

namespace pillion::cli {

/// Runs the subcommand that `args` (without the program's name) ask for; a bare `pillion`, with or without options, is
/// `pillion run`. Answers go to `out`, complaints to `err`. Returns the exit code: 0 clean, 1 bad configuration (or,
/// for `query`, no answer, for `reload`, none that was taken), 2 bad command line, 3 cannot bind.
[[nodiscard]] int main(std::span<const std::string> args, std::ostream& out, std::ostream& err);

}  // namespace pillion::cli
