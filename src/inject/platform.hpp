#pragma once
// Where the cluster runs, and what of the sidecar follows from it.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace pillion::inject {

enum class Platform : std::uint8_t { none, gke, eks, aks, openshift };

/// nullopt where the value is none of the names above.
[[nodiscard]] std::optional<Platform> platform_from(std::string_view text);

/// Zones for the cluster's DNS besides the cluster's own: what is in them, the network's resolver behind it alone
/// knows.
[[nodiscard]] std::span<const std::string_view> platform_zones(Platform platform);

}  // namespace pillion::inject
