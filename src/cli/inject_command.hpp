#pragma once
// `pillion inject` and `pillion uninject`: put Pillion into the workloads of a YAML stream, and take it out.

#include <expected>
#include <iosfwd>
#include <string>

#include <CLI/App.hpp>

#include "inject/options.hpp"

namespace pillion::cli {

class InjectCommand {
 public:
  explicit InjectCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out, std::ostream& err) const;

 private:
  /// The options from the command line and the values. The error has one line for each fault.
  [[nodiscard]] std::expected<inject::Options, std::string> options() const;
  /// True if the command line has an option that describes the sidecar.
  [[nodiscard]] bool has_options() const;
  [[nodiscard]] int check(const std::string& stream, std::ostream& out, std::ostream& err) const;

  CLI::App& command_;
  std::string file_ = "-";
  std::string values_file_;
  std::string config_file_;
  std::string image_;
  std::string cluster_dns_;
  std::string name_space_;
  bool only_checks_ = false;
  bool is_strict_ = false;
};

class UninjectCommand {
 public:
  explicit UninjectCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out, std::ostream& err) const;

 private:
  CLI::App& command_;
  std::string file_ = "-";
};

}  // namespace pillion::cli
