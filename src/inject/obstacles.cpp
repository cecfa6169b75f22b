#include "inject/obstacles.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "inject/editor.hpp"
#include "inject/names.hpp"
#include "inject/sidecar.hpp"

namespace pillion::inject {
namespace {

using Obstacle = std::optional<std::string>;

constexpr std::array<std::string_view, 3> container_lists = {"/spec/initContainers", "/spec/containers",
                                                             "/spec/ephemeralContainers"};

/// Parses a whole number; spaces around it are ignored.
std::optional<unsigned> whole_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  text = text.substr(0, text.find_last_not_of(' ') + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Obstacle host_network(const json::value& pod) {
  const auto* const found = find(pod, "/spec/hostNetwork");
  if (found == nullptr || !found->is_bool() || !found->get_bool()) return std::nullopt;
  return "hostNetwork is true: the kubelet refuses such a pod the sysctl for port 53, and port 53 of the node is not "
         "Pillion's. Use mode: daemonset of the chart pillion";
}

Obstacle windows(const json::value& pod) {
  if (text_at(pod, "/spec/os/name") != "windows" && text_at(pod, "/spec/nodeSelector/kubernetes.io~1os") != "windows")
    return std::nullopt;
  return "the pod runs on Windows, and Pillion only on Linux";
}

Obstacle dns_policy(const json::value& pod) {
  const auto policy = text_at(pod, "/spec/dnsPolicy");
  if (policy.empty() || policy == "ClusterFirst") return std::nullopt;
  return "dnsPolicy is " + std::string(policy) +
         ": the pod asks other name servers than the cluster's DNS. Remove dnsPolicy to have Pillion";
}

Obstacle name_servers(const json::value& pod) {
  if (items_at(pod, "/spec/dnsConfig/nameservers").empty()) return std::nullopt;
  return "dnsConfig.nameservers has name servers, which the pod would ask instead of Pillion. Remove them, and make "
         "them an "
         "upstream of Pillion's configuration";
}

Obstacle foreign_container(const json::value& pod) {
  for (const auto list : container_lists) {
    for (const auto& each : items_at(pod, list)) {
      if (text_at(each, "/name") == container_name)
        return "a container is named pillion, and this program has not added it: remove or rename it";
    }
  }
  return std::nullopt;
}

Obstacle foreign_volume(const json::value& pod, const Options& options) {
  const auto is_named = [](const json::value& volume, std::string_view name) {
    return text_at(volume, "/name") == name;
  };
  for (const auto& volume : items_at(pod, "/spec/volumes")) {
    const bool is_ours = std::ranges::any_of(own_volumes, [&](auto name) { return is_named(volume, name); }) ||
                         std::ranges::any_of(options.extra_volumes, [&](const auto& extra) {
                           return is_named(volume, text_at(extra, "/name"));
                         });
    if (is_ours)
      return "a volume is named " + std::string(text_at(volume, "/name")) +
             ", and this program has not added it: rename it";
  }
  return std::nullopt;
}

Obstacle sysctl(const json::value& pod) {
  for (const auto& each : items_at(pod, "/spec/securityContext/sysctls")) {
    if (text_at(each, "/name") != port_sysctl_name) continue;
    const auto value = text_at(each, "/value");
    const auto port = whole_number(value);
    if (port && *port <= 53) continue;
    return "securityContext.sysctls has " + std::string(port_sysctl_name) + " \"" + std::string(value) +
           "\", with which Pillion cannot listen on port 53: set it to 53 or less, or remove it";
  }
  return std::nullopt;
}

/// Pillion listens on port 53 of UDP and TCP, and on its HTTP port of TCP. The same number of another protocol is
/// another port.
Obstacle taken_port_of(const json::value& container, const Options& options) {
  for (const auto& entry : items_at(container, "/ports")) {
    const auto* const port = find(entry, "/containerPort");
    if (port == nullptr || !port->is_int64()) continue;
    const auto protocol = text_at(entry, "/protocol");
    const bool is_tcp = protocol.empty() || protocol == "TCP";
    const auto start = [&] {
      return "the container " + std::string(text_at(container, "/name")) + " has port " +
             std::to_string(port->get_int64()) + ", which Pillion needs: ";
    };
    if (port->get_int64() == 53 && (is_tcp || protocol == "UDP"))
      return start() + "all containers of a pod share its ports. Give the container another port";
    if (port->get_int64() == options.http_port && is_tcp) return start() + "set httpPort to another port";
  }
  return std::nullopt;
}

Obstacle taken_port(const json::value& pod, const Options& options) {
  for (const auto list : container_lists) {
    for (const auto& each : items_at(pod, list)) {
      if (auto obstacle = taken_port_of(each, options)) return obstacle;
    }
  }
  return std::nullopt;
}

/// True if a list such as "25, 800-900" contains the port.
bool has_port(std::string_view list, std::uint16_t port) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    const auto entry = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const auto dash = entry.find('-');
    const auto first = whole_number(entry.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : whole_number(entry.substr(dash + 1));
    if (first && last && *first <= port && port <= *last) return true;
  }
  return false;
}

enum class JsonType : std::uint8_t { map, list, text };

struct Shape {
  std::string_view pointer;
  JsonType kind;
};

constexpr std::array shapes = {
    Shape{"/metadata", JsonType::map},
    Shape{"/metadata/labels", JsonType::map},
    Shape{"/metadata/annotations", JsonType::map},
    Shape{"/spec", JsonType::map},
    Shape{"/spec/containers", JsonType::list},
    Shape{"/spec/initContainers", JsonType::list},
    Shape{"/spec/ephemeralContainers", JsonType::list},
    Shape{"/spec/volumes", JsonType::list},
    Shape{"/spec/dnsPolicy", JsonType::text},
    Shape{"/spec/dnsConfig", JsonType::map},
    Shape{"/spec/dnsConfig/nameservers", JsonType::list},
    Shape{"/spec/dnsConfig/searches", JsonType::list},
    Shape{"/spec/dnsConfig/options", JsonType::list},
    Shape{"/spec/securityContext", JsonType::map},
    Shape{"/spec/securityContext/sysctls", JsonType::list},
};

}  // namespace

Obstacle find_malformation(const json::value& pod) {
  for (const auto& [pointer, kind] : shapes) {
    const auto* const found = find(pod, pointer);
    if (found == nullptr) continue;
    const bool ok = kind == JsonType::map    ? found->is_object()
                    : kind == JsonType::list ? found->is_array()
                                             : found->is_string();
    if (ok) continue;
    std::string path(pointer.substr(1));
    std::ranges::replace(path, '/', '.');
    return path + " must be " + (kind == JsonType::map ? "a map" : kind == JsonType::list ? "a list" : "text");
  }
  if (items_at(pod, "/spec/containers").empty()) return "spec.containers is missing: it must be a list of containers";
  return std::nullopt;
}

bool is_opted_out(const json::value& pod) {
  return text_at(pod, child("/metadata/labels", inject_label)) == "false";
}

Obstacle find_obstacle(const json::value& pod, const Options& options) {
  if (auto found = host_network(pod)) return found;
  if (auto found = windows(pod)) return found;
  if (auto found = dns_policy(pod)) return found;
  if (auto found = name_servers(pod)) return found;
  if (auto found = foreign_container(pod)) return found;
  if (auto found = foreign_volume(pod, options)) return found;
  if (auto found = sysctl(pod)) return found;
  return taken_port(pod, options);
}

Obstacle find_mesh_obstacle(const json::value& pod, const Options& options) {
  for (const auto& [annotation, ports] : mesh_annotations(options)) {
    const auto* const found = find_string(pod, child("/metadata/annotations", annotation));
    if (found == nullptr) continue;
    for (const auto port : ports) {
      if (!has_port(*found, port))
        return "the annotation " + std::string(annotation) + " does not have Pillion's port: add " +
               std::to_string(port);
    }
  }
  return std::nullopt;
}

}  // namespace pillion::inject
