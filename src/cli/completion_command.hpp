#pragma once
// `pillion completion`: a script by which a shell completes the command line.

#include <iosfwd>
#include <string>

#include <CLI/App.hpp>

namespace pillion::cli {

class CompletionCommand {
 public:
  /// To be made after all other subcommands of `app`, which the script has.
  explicit CompletionCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out) const;

 private:
  const CLI::App& app_;
  CLI::App& command_;
  std::string shell_;
};

}  // namespace pillion::cli
