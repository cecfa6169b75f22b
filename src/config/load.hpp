#pragma once
// Converts YAML to Config, and Config to YAML.

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "config/fingerprint.hpp"

namespace pillion::config {

/// A configuration that cannot be used. `what()` has one line for each fault: `file:line:column: what is wrong, and
/// what is allowed`.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(const std::string& faults, std::vector<std::filesystem::path> files = {})
      : std::runtime_error(faults),
        files_(std::make_shared<const std::vector<std::filesystem::path>>(std::move(files))) {}

  /// The files to watch until somebody repairs the configuration, as Loaded::files. If the text is not YAML, only the
  /// configuration file itself.
  [[nodiscard]] const std::vector<std::filesystem::path>& files() const { return *files_; }

 private:
  // Shared, since copying an exception must not throw.
  std::shared_ptr<const std::vector<std::filesystem::path>> files_;
};

/// A configuration that was read without a fault.
struct Loaded {
  Config config;
  /// What Pillion skipped in files that the configuration names and others write, such as resolv.conf, and why:
  /// `file:line: …`. Also the certificates of a ca_file whose trust may surprise: `key: file: …`. Pillion skips
  /// nothing in the configuration itself.
  std::vector<std::string> warnings;
  /// The files whose change may change the configuration: first the configuration file if there is one, then the files
  /// that it names (files_of()).
  std::vector<std::filesystem::path> files;
  std::chrono::system_clock::time_point read_at;  ///< when reading began; a later change may be missing from `config`
  /// Of the configuration file as it was read; nullopt if there is no file.
  std::optional<Fingerprint> own_fingerprint = {};
};

/// Reads and validates one YAML document. Keys that it does not give have their defaults. `upstreams` and `routes`
/// default to those of default_config(). A document without a value is a fault; `{}` means the defaults. `file` is
/// only used in messages. Throws ConfigError with every fault, in the order of the file.
[[nodiscard]] Loaded parse_config(std::string_view yaml, std::string_view file);

/// Reads the file and calls parse_config(). Throws ConfigError also if the file cannot be read.
[[nodiscard]] Loaded load_config(const std::filesystem::path& file);

/// The effective configuration as YAML, from which parse_config() reads the same values. If `redact`, secrets (such as
/// the path of a client's key) are printed as "<redacted>".
[[nodiscard]] std::string to_yaml(const Config& config, bool redact);

/// Only the keys `upstreams` and `routes` of to_yaml(); nothing is redacted.
[[nodiscard]] std::string upstreams_to_yaml(const std::vector<Upstream>& upstreams, const std::vector<Route>& routes);

}  // namespace pillion::config
