#pragma once
// The option `--config FILE`, which several subcommands have.

#include <string>

#include <CLI/App.hpp>

#include "config/load.hpp"

namespace pillion::cli {

class ConfigOption {
 public:
  explicit ConfigOption(CLI::App& command)
      : option_(command.add_option("-c,--config", file_, "The YAML file; default: the built-in configuration")) {
    option_->type_name("FILE");
  }

  /// Throws config::ConfigError.
  [[nodiscard]] config::Loaded load() const {
    return option_->count() == 0 ? config::parse_config("{}", "(defaults)") : config::load_config(file_);
  }
  /// The path; empty if the option was not given.
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  std::string file_;
  CLI::Option* option_;
};

}  // namespace pillion::cli
