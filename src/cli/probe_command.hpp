#pragma once
// `pillion probe`: measures and compares upstream resolvers.

#include <iosfwd>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "cli/config_option.hpp"

namespace pillion::cli {

class ProbeCommand {
 public:
  explicit ProbeCommand(CLI::App& app);
  [[nodiscard]] bool is_chosen() const { return command_.parsed(); }
  [[nodiscard]] int run(std::ostream& out, std::ostream& err) const;

 private:
  CLI::App& command_;
  ConfigOption config_;
  std::vector<std::string> servers_;
  std::string protocol_ = "tls";
  std::string ca_file_;
  std::string zone_ = "example.com";
  std::string bogus_ = "dnssec-failed.org";
  std::string large_ = ".";
  std::string large_type_ = "DNSKEY";
  std::string idle_ = "0s";
  unsigned samples_ = 0;
  unsigned queries_ = 0;
  bool json_ = false;
  bool yaml_ = false;
};

}  // namespace pillion::cli
