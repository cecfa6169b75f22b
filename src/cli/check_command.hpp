#pragma once
// `pillion check`: validates a configuration and prints what it means.

#include <iosfwd>

#include "cli/config_option.hpp"

namespace pillion::cli {

class CheckCommand {
 public:
  explicit CheckCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out, std::ostream& err) const;

 private:
  CLI::App& command_;
  ConfigOption config_;
};

}  // namespace pillion::cli
