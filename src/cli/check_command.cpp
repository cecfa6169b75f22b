#include "cli/check_command.hpp"

#include <ostream>

#include "cli/exit_code.hpp"

namespace pillion::cli {

CheckCommand::CheckCommand(CLI::App& app)
    : command_(*app.add_subcommand("check", "Validate a configuration and print it with every default")),
      config_(command_) {
  command_.footer(
      "Prints the effective configuration as YAML, the paths of keys hidden. Where something is wrong,\n"
      "prints `file:line:column: what is wrong, and what is allowed` for all of it, and exits 1.\n\n"
      "Example:\n"
      "  pillion check --config /etc/pillion/pillion.yaml");
}

int CheckCommand::run(std::ostream& out, std::ostream& err) const {
  try {
    out << config::to_yaml(config_.load(), true);
    return exit_code::clean;
  } catch (const config::ConfigError& error) {
    err << error.what() << '\n';
    return exit_code::bad_configuration;
  }
}

}  // namespace pillion::cli
