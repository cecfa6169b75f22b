#pragma once
// `pillion run`: runs the proxy.

#include <iosfwd>

#include "cli/config_option.hpp"

namespace pillion::cli {

class RunCommand {
 public:
  explicit RunCommand(CLI::App& app);
  /// Returns the exit code after a clean stop, or if the proxy cannot start.
  [[nodiscard]] int run(std::ostream& err) const;

 private:
  CLI::App& command_;
  ConfigOption config_;
  bool supervise_ = false;
};

}  // namespace pillion::cli
