#pragma once
// YAML to Config, and back.

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

/// A configuration that cannot be used. `what()` is `file:line:column: what is wrong, and what is allowed`, one line a
/// fault.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A configuration that was read.
struct Loaded {
  Config config;
  /// What was skipped in files that the configuration names and others have written, such as resolv.conf, and why:
  /// `file:line: …`; and which certificates of a ca_file are trusted or not against expectation: `key: file: …`. In the
  /// configuration itself nothing is skipped.
  std::vector<std::string> warnings;
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

}  // namespace pillion::config
