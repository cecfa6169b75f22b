#pragma once
// `pillion query`: a small dig for images without a shell.

#include <iosfwd>
#include <optional>
#include <string>

#include <CLI/App.hpp>

namespace pillion::cli {

class QueryCommand {
 public:
  explicit QueryCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out, std::ostream& err) const;

 private:
  CLI::App& command_;
  std::string name_;
  std::string type_ = "A";
  std::optional<std::string> server_;
  bool tcp_ = false;
  bool udp_ = false;
  bool json_ = false;
  bool dnssec_ = false;
  bool require_answer_ = false;
};

}  // namespace pillion::cli
