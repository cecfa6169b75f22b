#pragma once
// The files that a document names: those whose change may change what it means.

#include <filesystem>
#include <vector>

#include <yaml-cpp/yaml.h>

namespace pillion::config {

/// Each once: the ca_file of every TLS upstream, which is the default's where none is given, client_cert, client_key
/// and resolv_conf. Reads the document alone, which may have faults: who waits for them to be repaired has to watch
/// what it names already. Of faulty documents too, no more than the 16 upstreams that there may be are looked at.
[[nodiscard]] std::vector<std::filesystem::path> files_of(const YAML::Node& root);

}  // namespace pillion::config
