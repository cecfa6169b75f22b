#pragma once
// `pillion health`: asks the running proxy whether it is healthy, for probes and hooks of a container without a shell.

#include <sys/types.h>

#include <iosfwd>
#include <optional>
#include <string>

#include <CLI/App.hpp>

namespace pillion::cli {

class HealthCommand {
 public:
  explicit HealthCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out, std::ostream& err) const;

 private:
  CLI::App& command_;
  bool startup_ = false;
  bool live_ = false;
  bool ready_ = false;
  std::optional<pid_t> pid_;
  std::string wait_ = "0s";
};

}  // namespace pillion::cli
