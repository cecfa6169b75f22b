#pragma once
// What the sidecar is to be like, as the values of the chart say it.

#include <cstdint>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace pillion::inject {

namespace json = boost::json;

enum class Mesh : std::uint8_t { none, istio, linkerd };

struct Options {
  std::string version;  ///< of Pillion
  bool enabled = true;  ///< false: every pod stays as it is
  std::string image;    ///< the whole reference
  json::array image_pull_secrets;
  std::string pull_policy = "IfNotPresent";
  bool native = true;  ///< an init container that goes on; else an ordinary container
  bool ipv6 = false;   ///< listens on ::1 instead of 127.0.0.1
  std::uint16_t http_port = 9153;

  std::string config;      ///< the text of pillion.yaml, which travels in an annotation
  std::string config_map;  ///< name of a ConfigMap that has it instead; empty: none

  bool cluster_searches = true;  ///< the namespace's and the cluster's search domains stand first
  std::string cluster_domain = "cluster.local";
  std::vector<std::string> searches;
  json::array resolver_options;  ///< of dnsConfig, `ndots` among them

  bool port_sysctl = true;  ///< the pod's processes may bind to port 53
  bool scrape_annotations = true;
  Mesh mesh = Mesh::none;

  std::string client_tls_secret;  ///< mounted at /etc/pillion-client; empty: none
  std::string ca_config_map;      ///< mounted at /etc/pillion-ca; empty: none
  std::string ca_secret;          ///< the same of a Secret
  json::array extra_volumes;
  json::array extra_volume_mounts;
  json::array extra_env;

  json::object resources;
  json::object security_context;       ///< of the container
  json::object liveness_probe;         ///< its times and thresholds
  std::uint32_t pre_stop_seconds = 5;  ///< of an ordinary container: goes on for so long after the pod's end has begun
};

}  // namespace pillion::inject
