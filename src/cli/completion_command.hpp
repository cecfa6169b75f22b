#pragma once
// `pillion completion`: prints the script with which a shell completes the command line.

#include <iosfwd>
#include <string>

#include <CLI/App.hpp>

namespace pillion::cli {

class CompletionCommand {
 public:
  /// Must be constructed after all other subcommands of `app`, since the script lists them.
  explicit CompletionCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out) const;

 private:
  const CLI::App& app_;
  CLI::App& command_;
  std::string shell_;
};

}  // namespace pillion::cli
