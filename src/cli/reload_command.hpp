#pragma once
// `pillion reload`: makes the running proxy read its configuration again, and waits for the outcome.

#include <sys/types.h>

#include <iosfwd>
#include <optional>
#include <string>

#include <CLI/App.hpp>

namespace pillion::cli {

class ReloadCommand {
 public:
  explicit ReloadCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out, std::ostream& err) const;

 private:
  CLI::App& command_;
  std::optional<pid_t> pid_;
  std::string wait_ = "30s";
};

}  // namespace pillion::cli
