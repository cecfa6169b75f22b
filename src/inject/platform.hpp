#pragma once
// The platform that the cluster runs on, and its effects on the sidecar.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace pillion::inject {

enum class Platform : std::uint8_t { none, gke, eks, aks, openshift };

/// The platform with this name ("gke"), or nullopt if there is none.
[[nodiscard]] std::optional<Platform> platform_from(std::string_view text);

/// The zones that the cluster's DNS must answer besides the cluster's own, since only the resolver of the network
/// behind it knows their names.
[[nodiscard]] std::span<const std::string_view> platform_zones(Platform platform);

}  // namespace pillion::inject
