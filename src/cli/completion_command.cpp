#include "cli/completion_command.hpp"

#include <algorithm>
#include <ostream>
#include <string_view>
#include <vector>

#include <CLI/Validators.hpp>

#include "cli/completion.hpp"
#include "cli/exit_code.hpp"

namespace pillion::cli {
namespace {

/// Parses CLI11's name for the type of an option's value, such as "FILE" or "TEXT:{tls,tcp,udp}".
CompletedValue value_of(const CLI::Option& option) {
  const auto type = option.get_type_name();
  CompletedValue value{.is_file = type.starts_with("FILE")};
  const auto start = type.find('{');
  const auto end = type.find('}');
  if (start == std::string::npos || end == std::string::npos) return value;
  auto rest = std::string_view(type).substr(start + 1, end - start - 1);
  while (!rest.empty()) {
    const auto choice = rest.substr(0, rest.find(','));
    value.choices.emplace_back(choice);
    rest.remove_prefix(std::min(choice.size() + 1, rest.size()));
  }
  return value;
}

CompletedOption option_of(const CLI::Option& option) {
  CompletedOption completed{.names = {},
                            .description = option.get_description(),
                            .takes_value = option.get_items_expected_max() > 0,
                            .may_repeat = option.get_expected_max() > 1,
                            .value = value_of(option)};
  for (const auto& name : option.get_snames()) completed.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) completed.names.push_back("--" + name);
  return completed;
}

CompletedCommand command_of(const CLI::App& command) {
  CompletedCommand completed{
      .name = command.get_name(), .description = command.get_description(), .options = {}, .positional = {}};
  for (const auto* const option : command.get_options()) {
    if (option->get_positional()) {
      completed.positional = value_of(*option);
    } else {
      completed.options.push_back(option_of(*option));
    }
  }
  return completed;
}

}  // namespace

CompletionCommand::CompletionCommand(CLI::App& app)
    : app_(app),
      command_(*app.add_subcommand("completion", "Print a script with which a shell completes the command line")) {
  command_.add_option("SHELL", shell_, "The shell")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command_.footer(
      "Example:\n"
      "  source <(pillion completion bash)\n"
      "  source <(pillion completion zsh)\n"
      "  pillion completion fish | source");
}

int CompletionCommand::run(std::ostream& out) const {
  std::vector<CompletedCommand> commands;
  for (const auto* const each : app_.get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(command_of(*each));
  const auto& program = app_.get_name();
  out << (shell_ == "bash"  ? bash_completion(program, commands, "run")
          : shell_ == "zsh" ? zsh_completion(program, commands)
                            : fish_completion(program, commands));
  return exit_code::clean;
}

}  // namespace pillion::cli
