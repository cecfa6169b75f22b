#pragma once
// The names of Pillion's parts in a pod.

#include <array>
#include <string_view>

namespace pillion::inject {

inline constexpr std::string_view container_name = "pillion";

inline constexpr std::string_view config_volume = "pillion-config";
inline constexpr std::string_view client_volume = "pillion-client";
inline constexpr std::string_view ca_volume = "pillion-ca";
inline constexpr std::array own_volumes = {config_volume, client_volume, ca_volume};

inline constexpr std::string_view annotations_path = "/metadata/annotations";  // a JSON pointer into the pod
inline constexpr std::string_view annotation_prefix = "pillion.dev/";
inline constexpr std::string_view sidecar_label = "pillion.dev/sidecar";
inline constexpr std::string_view inject_label = "pillion.dev/inject";
inline constexpr std::string_view marker_annotation = "pillion.dev/injected";
inline constexpr std::string_view config_annotation = "pillion.dev/config";

inline constexpr std::string_view port_sysctl_name = "net.ipv4.ip_unprivileged_port_start";

}  // namespace pillion::inject
