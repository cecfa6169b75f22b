#pragma once
// The files that a configuration document names. A change of one of them may change the configuration.

#include <filesystem>
#include <vector>

#include <yaml-cpp/yaml.h>

namespace pillion::config {

/// Each path once: the ca_file of every TLS upstream (the default's if none is given), client_cert, client_key and
/// resolv_conf. The document may have faults: the reloader has to watch the files that it names until somebody repairs
/// it. At most the first 16 upstreams are read, also of a faulty document.
[[nodiscard]] std::vector<std::filesystem::path> files_of(const YAML::Node& root);

}  // namespace pillion::config
