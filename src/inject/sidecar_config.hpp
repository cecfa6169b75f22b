#pragma once
// Makes a sidecar's pillion.yaml from the values.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "inject/platform.hpp"
#include "inject/value_section.hpp"

namespace pillion::inject {

struct ConfigValues {
  json::object given;  ///< the value `config`, which takes precedence over what follows from the other values
  bool ipv6 = false;
  std::uint16_t http_port = 9153;
  bool cluster_dns = true;
  std::string cluster_address;  ///< address of the cluster's DNS; empty if unknown
  std::string cluster_domain = "cluster.local";
  std::vector<std::string> cluster_networks;  ///< networks of the cluster besides the private ones
  Platform platform = Platform::none;         ///< its zones are routed to the cluster's DNS too
};

/// The address in the form that precedes a port: in brackets if it is IPv6.
[[nodiscard]] std::string bracketed(const std::string& address);

/// The configuration, which is the same for every pod and namespace, since Pillion reads the search list that the
/// kubelet writes. Faults name the values.
[[nodiscard]] json::object sidecar_config(const ConfigValues& values, ValueFaults& faults);

/// The faults of a configuration, one line each. The files that it names are inside the pod and are not read.
[[nodiscard]] ValueFaults check_config(std::string_view text);

/// The ports of the servers that a configuration's text asks over TLS, ascending.
[[nodiscard]] std::vector<std::uint16_t> encrypted_ports(std::string_view config);

}  // namespace pillion::inject
