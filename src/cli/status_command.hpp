#pragma once
// `pillion status`: shows the state of the running proxy in one screen, or as an attestation. Asks its admin server.

#include <sys/types.h>

#include <iosfwd>
#include <optional>
#include <string>

#include <CLI/App.hpp>

namespace pillion::cli {

class StatusCommand {
 public:
  explicit StatusCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out, std::ostream& err) const;

 private:
  CLI::App& command_;
  std::string admin_;
  std::optional<pid_t> pid_;
  bool watch_ = false;
  bool json_ = false;
};

}  // namespace pillion::cli
