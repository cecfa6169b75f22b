#include "cli/check_command.hpp"

#include <ostream>

#include "cli/exit_code.hpp"
#include "cli/route_table.hpp"

namespace pillion::cli {

CheckCommand::CheckCommand(CLI::App& app)
    : command_(*app.add_subcommand("check", "Validate a configuration and print it with every default")),
      config_(command_) {
  command_.footer(
      "Prints the effective configuration as YAML, the paths of keys hidden, and the routes as a table in\n"
      "comments. Where something is wrong, prints `file:line:column: what is wrong, and what is allowed` for\n"
      "all of it, and exits 1. What was skipped in a resolv.conf is printed likewise and is no error.\n\n"
      "Example:\n"
      "  pillion check --config /etc/pillion/pillion.yaml");
}

int CheckCommand::run(std::ostream& out, std::ostream& err) const {
  try {
    const auto [config, warnings] = config_.load();
    for (const auto& warning : warnings) err << warning << '\n';
    out << config::to_yaml(config, true) << "\n# Names go to the longest of these zones that they end in:\n"
        << route_table(config);
    return exit_code::clean;
  } catch (const config::ConfigError& error) {
    err << error.what() << '\n';
    return exit_code::bad_configuration;
  }
}

}  // namespace pillion::cli
