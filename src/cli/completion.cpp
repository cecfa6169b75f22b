#include "cli/completion.hpp"

#include <string_view>

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

namespace pillion::cli {
namespace {

/// Returns `text` with `mark` before each character of `special`.
std::string marked(std::string_view text, std::string_view special, std::string_view mark) {
  std::string result;
  for (const char character : text) {
    if (special.find(character) != std::string_view::npos) result += mark;
    result += character;
  }
  return result;
}

/// Returns a word in single quotes, as bash and zsh read it.
std::string in_single_quotes(std::string_view text) {
  std::string result = "'";
  for (const char character : text) {
    if (character == '\'') {
      result += R"('\'')";
    } else {
      result += character;
    }
  }
  return result + "'";
}

std::string fish_quoted(std::string_view text) {
  return "'" + marked(text, R"('\)", "\\") + "'";
}

std::vector<std::string> option_names(const CompletedCommand& command) {
  std::vector<std::string> names;
  for (const auto& option : command.options) names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

/// The case of bash's script for an option with a value: completes files, a list of words, or nothing.
std::string bash_case(const std::string& command, const CompletedOption& option) {
  std::string patterns;
  for (const auto& name : option.names)
    patterns += fmt::format("{}{},{}", patterns.empty() ? "" : " | ", command, name);
  const auto action = option.value.is_file
                          ? "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$word\")"
                          : fmt::format("mapfile -t COMPREPLY < <(compgen -W {} -- \"$word\")",
                                        in_single_quotes(fmt::format("{}", fmt::join(option.value.choices, " "))));
  const bool is_known = option.value.is_file || !option.value.choices.empty();
  return fmt::format("    {}) {}return ;;\n", patterns, is_known ? action + "; " : "");
}

std::string zsh_action(const CompletedValue& value) {
  if (value.is_file) return "_files";
  return value.choices.empty() ? "" : fmt::format("({})", fmt::join(value.choices, " "));
}

/// An argument of zsh's _arguments, such as `*--pin[Of its key]:value:`.
std::string zsh_option(const CompletedOption& option) {
  std::string specs;
  for (const auto& name : option.names) {
    auto spec = option.may_repeat          ? "*" + name
                : option.names.size() == 1 ? name
                                           : fmt::format("({}){}", fmt::join(option.names, " "), name);
    spec += "[" + marked(option.description, "[]\\", "\\") + "]";
    if (option.takes_value) spec += ":value:" + zsh_action(option.value);
    specs += " " + in_single_quotes(spec);
  }
  return specs;
}

std::string fish_option(const std::string& program, const CompletedCommand& command, const CompletedOption& option) {
  auto line = fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}'", program, command.name);
  for (const auto& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  line += " -d " + fish_quoted(option.description);
  if (option.takes_value) line += option.value.is_file ? " -r -F" : " -x";
  if (!option.value.choices.empty()) line += fmt::format(" -a '{}'", fmt::join(option.value.choices, " "));
  return line + "\n";
}

}  // namespace

std::string bash_completion(const std::string& program, const std::vector<CompletedCommand>& commands,
                            const std::string& fallback) {
  std::vector<std::string> names;
  std::string values;
  std::string words;
  for (const auto& command : commands) {
    names.push_back(command.name);
    for (const auto& option : command.options) {
      if (option.takes_value) values += bash_case(command.name, option);
    }
    words += fmt::format("    {}) words={} ;;\n", command.name,
                         in_single_quotes(fmt::format("{} {}", fmt::join(option_names(command), " "),
                                                      fmt::join(command.positional.choices, " "))));
  }
  return fmt::format(R"(# Completes the command line of {0} in bash: source <({0} completion bash)
_{0}() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command='' words='' each
  for each in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
    case $each in
    {1}) command=$each && break ;;
    esac
  done
  COMPREPLY=()
  case ${{command:-{2}}},$before in
{3}  esac
  # An option in place of a subcommand is one of `{2}`.
  [[ $command || $word != -* ]] || command={2}
  case $command in
{4}    *) words={5} ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}}
complete -F _{0} {0}
)",
                     program, fmt::join(names, " | "), fallback, values, words,
                     in_single_quotes(fmt::format("{}", fmt::join(names, " "))));
}

std::string zsh_completion(const std::string& program, const std::vector<CompletedCommand>& commands) {
  std::string names;
  std::string cases;
  for (const auto& command : commands) {
    names += fmt::format("    {}\n", in_single_quotes(command.name + ":" + marked(command.description, ":\\", "\\")));
    std::string options;
    for (const auto& option : command.options) options += zsh_option(option);
    const auto positional = ":value:" + zsh_action(command.positional);
    cases += fmt::format("    {}) _arguments{} {} ;;\n", command.name, options, in_single_quotes("*" + positional));
  }
  return fmt::format(R"(#compdef {0}
# Completes the command line of {0} in zsh: source <({0} completion zsh), or a file _{0} in $fpath.
_{0}() {{
  local -a subcommands=(
{1}  )
  if ((CURRENT == 2)); then
    _describe -t commands subcommand subcommands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT -= 1))
  case $command in
{2}  esac
}}
if [[ $funcstack[1] == _{0} ]]; then
  _{0} "$@"
else
  compdef _{0} {0}
fi
)",
                     program, names, cases);
}

std::string fish_completion(const std::string& program, const std::vector<CompletedCommand>& commands) {
  auto script = fmt::format(
      "# Completes the command line of {0} in fish: {0} completion fish | source\n"
      "complete -c {0} -f\n",
      program);
  for (const auto& command : commands) {
    script += fmt::format("complete -c {} -n __fish_use_subcommand -a {} -d {}\n", program, command.name,
                          fish_quoted(command.description));
    for (const auto& option : command.options) script += fish_option(program, command, option);
    if (!command.positional.choices.empty()) {
      script += fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}' -a '{}'\n", program, command.name,
                            fmt::join(command.positional.choices, " "));
    }
  }
  return script;
}

}  // namespace pillion::cli
