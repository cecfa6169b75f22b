#pragma once
// `pillion version`: prints the versions of the program and its libraries.

#include <iosfwd>

#include <CLI/App.hpp>

namespace pillion::cli {

class VersionCommand {
 public:
  explicit VersionCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out) const;

 private:
  CLI::App& command_;
};

}  // namespace pillion::cli
