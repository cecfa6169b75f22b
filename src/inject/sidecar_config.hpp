#pragma once
// pillion.yaml of a sidecar, as it follows from the values.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "inject/platform.hpp"
#include "inject/value_section.hpp"

namespace pillion::inject {

struct ConfigValues {
  json::object given;  ///< the value `config`: what it says goes before what follows from the others
  bool ipv6 = false;
  std::uint16_t http_port = 9153;
  bool cluster_dns = true;
  std::string cluster_address;  ///< of the cluster's DNS; empty: not known
  std::string cluster_domain = "cluster.local";
  std::vector<std::string> cluster_networks;  ///< besides the private ones
  Platform platform = Platform::none;         ///< whose zones are the cluster's too
};

/// An IP address as it stands before a port.
[[nodiscard]] std::string bracketed(const std::string& address);

/// The same for every pod and every namespace: its search list is the one that the kubelet writes. Faults name the
/// values.
[[nodiscard]] json::object sidecar_config(const ConfigValues& values, Faults& faults);

/// What is wrong with a configuration, one line a fault. The files that it names are in the pod, and not looked at.
[[nodiscard]] Faults check_config(std::string_view text);

/// Ports of the servers that a configuration, as text, asks over TLS, ascending.
[[nodiscard]] std::vector<std::uint16_t> encrypted_ports(std::string_view config);

}  // namespace pillion::inject
