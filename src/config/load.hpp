#pragma once
// YAML to Config, and back.

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

/// A configuration that cannot be used. `what()` is `file:line:column: what is wrong, and what is allowed`, one line a
/// fault.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(const std::string& faults, std::vector<std::filesystem::path> files = {})
      : std::runtime_error(faults),
        files_(std::make_shared<const std::vector<std::filesystem::path>>(std::move(files))) {}

  /// As Loaded::files: what has to be watched for a repair. Of what is not YAML, its own file alone.
  [[nodiscard]] const std::vector<std::filesystem::path>& files() const { return *files_; }

 private:
  std::shared_ptr<const std::vector<std::filesystem::path>> files_;  // an exception is copied without throwing
};

/// A configuration that was read.
struct Loaded {
  Config config;
  /// What was skipped in files that the configuration names and others have written, such as resolv.conf, and why:
  /// `file:line: …`; and which certificates of a ca_file are trusted or not against expectation: `key: file: …`. In the
  /// configuration itself nothing is skipped.
  std::vector<std::string> warnings;
  /// What was read, and whose change may change the configuration: its own file, which comes first where there is one,
  /// and those that it names (files_of).
  std::vector<std::filesystem::path> files;
  std::chrono::system_clock::time_point read_at;    ///< when reading began: what has changed since may not be in it
  std::optional<Fingerprint> own_fingerprint = {};  ///< of its own file, as it was read; nullopt where there is none
};

/// Reads and validates one YAML document. Keys not given have their defaults; `upstreams` and `routes` not given are
/// those of default_config(). A document without a value is a fault; `{}` is the defaults. `file` is only for messages.
/// Throws ConfigError with every fault found, in the order of the file.
[[nodiscard]] Loaded parse_config(std::string_view yaml, std::string_view file);

/// parse_config of a file's text; a file that cannot be read is a ConfigError too.
[[nodiscard]] Loaded load_config(const std::filesystem::path& file);

/// The effective configuration as YAML that parse_config reads back to the same values. Secrets (the path of a client's
/// key is one) are printed as "<redacted>" where `redact`.
[[nodiscard]] std::string to_yaml(const Config& config, bool redact);

/// The keys `upstreams` and `routes` of that alone, in which nothing is redacted.
[[nodiscard]] std::string upstreams_to_yaml(const std::vector<Upstream>& upstreams, const std::vector<Route>& routes);

}  // namespace pillion::config
