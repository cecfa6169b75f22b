#pragma once
// Pods into which Pillion cannot be put, and why.

#include <optional>
#include <string>

#include <boost/json/value.hpp>

#include "inject/options.hpp"

namespace pillion::inject {

/// nullopt where Pillion can be put into the pod, in which it is not yet; else what is in the way, and the remedy.
[[nodiscard]] std::optional<std::string> find_obstacle(const json::value& pod, const Options& options);

/// The same of the mesh's annotations that the pod has: they stay as they are, and so have to let Pillion's ports pass
/// already. `options` are this pod's.
[[nodiscard]] std::optional<std::string> find_mesh_obstacle(const json::value& pod, const Options& options);

/// nullopt where what is looked at has the kinds (map, list, text) that Kubernetes knows; else what has not.
[[nodiscard]] std::optional<std::string> find_malformation(const json::value& pod);

/// True if the owner has said by a label that the pod is to stay without.
[[nodiscard]] bool is_opted_out(const json::value& pod);

}  // namespace pillion::inject
