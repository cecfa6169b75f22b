#pragma once
// The faults of a configuration.

#include <string>

#include "config/config.hpp"
#include "config/load.hpp"

namespace pillion::config {

/// The message of the ConfigError for the document, whose file is "f.yaml"; empty if there is none.
inline std::string faults_in(const std::string& yaml) {
  try {
    static_cast<void>(parse_config(yaml, "f.yaml"));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return {};
}

}  // namespace pillion::config
