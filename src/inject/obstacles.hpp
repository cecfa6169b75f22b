#pragma once
// Finds why Pillion cannot be put into a pod.

#include <optional>
#include <string>

#include <boost/json/value.hpp>

#include "inject/options.hpp"

namespace pillion::inject {

/// The obstacle and the remedy, or nullopt if there is none. The pod must not have Pillion yet.
[[nodiscard]] std::optional<std::string> find_obstacle(const json::value& pod, const Options& options);

/// The obstacle in the mesh's annotations that the pod already has, or nullopt if there is none. Pillion does not
/// change them, so they must already exclude its ports. `options` are those of this pod.
[[nodiscard]] std::optional<std::string> find_mesh_obstacle(const json::value& pod, const Options& options);

/// The part of the pod that does not have the type (map, list, text) that Kubernetes requires, or nullopt if every
/// part that is read has it.
[[nodiscard]] std::optional<std::string> find_malformation(const json::value& pod);

/// True if the owner has opted out by a label.
[[nodiscard]] bool is_opted_out(const json::value& pod);

}  // namespace pillion::inject
