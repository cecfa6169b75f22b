#pragma once
// The scripts with which bash, zsh and fish complete the command line, and the data that they are made from. Pure.

#include <string>
#include <vector>

namespace pillion::cli {

/// The values that an option or an argument takes.
struct CompletedValue {
  bool is_file = false;
  std::vector<std::string> choices{};  ///< all allowed values; empty if there is no such list
};

struct CompletedOption {
  std::vector<std::string> names;  ///< such as "-c" and "--config"
  std::string description;
  bool takes_value = false;
  bool may_repeat = false;
  CompletedValue value;
};

struct CompletedCommand {
  std::string name;
  std::string description;
  std::vector<CompletedOption> options;
  CompletedValue positional;  ///< the argument that belongs to no option
};

/// The script for one shell, for the command `program`. `fallback` is the subcommand that runs if none is named. Each
/// script defines a function and registers it.
[[nodiscard]] std::string bash_completion(const std::string& program, const std::vector<CompletedCommand>& commands,
                                          const std::string& fallback);
[[nodiscard]] std::string zsh_completion(const std::string& program, const std::vector<CompletedCommand>& commands);
[[nodiscard]] std::string fish_completion(const std::string& program, const std::vector<CompletedCommand>& commands);

}  // namespace pillion::cli
