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
      "Prints the effective configuration as YAML, with the paths of private keys hidden, and in comments the\n"
      "routes, how the memory is divided and what each ca_file contains. For each error prints\n"
      "`file:line:column: what is wrong, and what is allowed`, and exits 1. Skipped parts of a resolv.conf, and\n"
      "intermediate CAs that are trust anchors, are printed in the same form and are not errors.\n\n"
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
    const auto memory = app::expected_memory_limit(config);
    for (const auto& warning : memory.warnings) err << warning << '\n';
    out << config::to_yaml(config, true)
        << "\n# The longest of these zones that a name ends in decides where its queries go:\n"
        << route_table(config);
    out << "\n# Memory of the whole process, about, if it is started as this command was:\n"
        << app::describe(memory, "#   ");
    if (!authorities->empty()) out << "\n# The ca_file of each upstream contains:\n" << *authorities;
    return exit_code::clean;
  } catch (const config::ConfigError& error) {
    err << error.what() << '\n';
    return exit_code::bad_configuration;
  }
}

}  // namespace pillion::cli
