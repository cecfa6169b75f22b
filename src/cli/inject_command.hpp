#pragma once
// `pillion inject` and `pillion uninject`: Pillion into the workloads of a YAML stream, and out again.

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
  /// The error has one line a fault.
  [[nodiscard]] std::expected<inject::Options, std::string> options() const;
  /// True if something has been said of what Pillion is to be like.
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
