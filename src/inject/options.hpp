#pragma once
// The properties of the sidecar, as the values of the chart state them.

#include <cstdint>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace pillion::inject {

namespace json = boost::json;

enum class Mesh : std::uint8_t { none, istio, linkerd };

struct Options {
  std::string version;  ///< Pillion's version
  bool enabled = true;  ///< False: every pod stays unchanged
  std::string image;    ///< the complete image reference
  json::array image_pull_secrets;
  std::string pull_policy = "IfNotPresent";
  /// True: an init container that keeps running (a native sidecar); false: an ordinary container.
  bool native = true;
  bool ipv6 = false;  ///< True: Pillion listens on ::1 instead of 127.0.0.1
  std::uint16_t http_port = 9153;

  std::string config;      ///< the text of pillion.yaml, which is stored in an annotation
  std::string config_map;  ///< name of the ConfigMap that has it instead; empty: none

  bool cluster_searches = true;  ///< True: the search domains of the namespace and the cluster come first
  std::string cluster_domain = "cluster.local";
  std::vector<std::string> searches;
  json::array resolver_options;  ///< options of dnsConfig, including `ndots`

  bool port_sysctl = true;  ///< True: the pod's processes may bind port 53
  bool scrape_annotations = true;
  Mesh mesh = Mesh::none;

  std::string client_tls_secret;  ///< mounted at /etc/pillion-client; empty: none
  std::string ca_config_map;      ///< mounted at /etc/pillion-ca; empty: none
  std::string ca_secret;          ///< like ca_config_map, but a Secret
  json::array extra_volumes;
  json::array extra_volume_mounts;
  json::array extra_env;

  json::object resources;
  json::object security_context;  ///< of the container
  json::object liveness_probe;    ///< times and thresholds of the probe
  /// An ordinary container keeps running this long after the pod has begun to end.
  std::uint32_t pre_stop_seconds = 5;
};

}  // namespace pillion::inject
