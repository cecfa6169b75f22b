#include "cli/check_command.hpp"

#include <ostream>

#include "app/memory_limit.hpp"
#include "cli/ca_table.hpp"
#include "cli/exit_code.hpp"
#include "cli/route_table.hpp"

namespace pillion::cli {

CheckCommand::CheckCommand(CLI::App& app)
    : command_(*app.add_subcommand("check", "Validate a configuration and print it with every default")),
      config_(command_) {
  command_.footer(
      "Prints the effective configuration as YAML, the paths of keys hidden, and in comments the routes, how the\n"
      "memory is divided and what each ca_file holds. Where something is wrong, prints `file:line:column: what is "
      "wrong, and what is\n"
      "allowed` for all of it, and exits 1. What was skipped in a resolv.conf, and an intermediate CA that is a\n"
      "trust anchor, are printed likewise and are no error.\n\n"
      "Example:\n"
      "  pillion check --config /etc/pillion/pillion.yaml");
}

int CheckCommand::run(std::ostream& out, std::ostream& err) const {
  try {
    const auto loaded = config_.load();
    const auto& config = loaded.config;
    for (const auto& warning : loaded.warnings) err << warning << '\n';
    const auto authorities = ca_table(config);
    if (!authorities) {
      err << (config_.file().empty() ? "(defaults)" : config_.file()) << ":1:1: " << authorities.error() << '\n';
      return exit_code::bad_configuration;
    }
    out << config::to_yaml(config, true) << "\n# Names go to the longest of these zones that they end in:\n"
        << route_table(config);
    out << "\n# Memory for all that the process takes, about, where it is started like this command:\n"
        << app::describe(app::expected_memory_limit(config), "#   ");
    if (!authorities->empty()) out << "\n# The ca_file of each upstream holds:\n" << *authorities;
    return exit_code::clean;
  } catch (const config::ConfigError& error) {
    err << error.what() << '\n';
    return exit_code::bad_configuration;
  }
}

}  // namespace pillion::cli
