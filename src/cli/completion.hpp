#pragma once
// What a shell has to know to complete the command line, and the scripts that tell it. Pure.

#include <string>
#include <vector>

namespace pillion::cli {

/// What may stand where a value is wanted.
struct CompletedValue {
  bool is_file = false;
  std::vector<std::string> choices{};  ///< all that may; empty where that is not known
};

struct CompletedOption {
  std::vector<std::string> names;  ///< "-c", "--config"
  std::string description;
  bool takes_value = false;
  bool may_repeat = false;
  CompletedValue value;
};

struct CompletedCommand {
  std::string name;
  std::string description;
  std::vector<CompletedOption> options;
  CompletedValue positional;  ///< what stands without an option
};

/// For `program`; `fallback` is the subcommand that is meant where none is named. Each script defines a function of its
/// own and registers it.
[[nodiscard]] std::string bash_completion(const std::string& program, const std::vector<CompletedCommand>& commands,
                                          const std::string& fallback);
[[nodiscard]] std::string zsh_completion(const std::string& program, const std::vector<CompletedCommand>& commands);
[[nodiscard]] std::string fish_completion(const std::string& program, const std::vector<CompletedCommand>& commands);

}  // namespace pillion::cli
