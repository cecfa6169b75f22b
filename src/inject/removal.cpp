#include "inject/removal.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "inject/names.hpp"

namespace pillion::inject {
namespace {

/// Removes the items with this name.
void remove_named(Editor& editor, const std::string& list, std::string_view name) {
  const auto& items = items_at(editor.document(), list);
  for (std::size_t i = items.size(); i-- > 0;) {
    if (text_at(items[i], "/name") == name) editor.remove(list + '/' + std::to_string(i));
  }
}

/// Removes the first `count` items.
void remove_front(Editor& editor, const std::string& list, std::size_t count) {
  for (count = std::min(count, items_at(editor.document(), list).size()); count > 0; --count)
    editor.remove(list + "/0");
}

void remove_member(Editor& editor, const std::string& pointer) {
  if (find(editor.document(), pointer) != nullptr) editor.remove(pointer);
}

/// Removes the map or list at `pointer` if Pillion added it and it is empty now.
void remove_if_empty(Editor& editor, const Marker& marker, std::string_view name, const std::string& pointer) {
  const auto* const found = find(editor.document(), pointer);
  if (found == nullptr || !marker.has(name)) return;
  const bool is_empty =
      (found->is_array() && found->get_array().empty()) || (found->is_object() && found->get_object().empty());
  if (is_empty) editor.remove(pointer);
}

void add_mounted(const json::value& container, std::vector<std::string>& names) {
  for (const auto& mount : items_at(container, "/volumeMounts")) names.emplace_back(text_at(mount, "/name"));
}

/// The names of Pillion's own volumes, and of volumes that only Pillion's container mounts.
std::vector<std::string> volumes_of_pillion(const json::value& pod) {
  std::vector<std::string> ours;
  std::vector<std::string> others;
  for (const auto list : {"/spec/initContainers", "/spec/containers"}) {
    for (const auto& each : items_at(pod, list))
      add_mounted(each, text_at(each, "/name") == container_name ? ours : others);
  }
  std::erase_if(ours, [&](const auto& name) { return std::ranges::find(others, name) != others.end(); });
  ours.insert(ours.end(), own_volumes.begin(), own_volumes.end());
  return ours;
}

/// The port of Pillion's metrics as an annotation states it; empty if the container has no port.
std::string port_of_metrics(const json::value& pod) {
  for (const auto list : {"/spec/initContainers", "/spec/containers"}) {
    for (const auto& each : items_at(pod, list)) {
      if (text_at(each, "/name") != container_name) continue;
      const auto* const port = find(each, "/ports/0/containerPort");
      if (port != nullptr) return json::serialize(*port);
    }
  }
  return {};
}

/// True if the annotations for Prometheus point to Pillion. A mesh's injector may have replaced them by its own.
bool is_scraped(const json::value& pod) {
  const auto port = port_of_metrics(pod);
  return text_at(pod, child(annotations_path, "prometheus.io/path")) == "/metrics" &&
         (port.empty() || text_at(pod, child(annotations_path, "prometheus.io/port")) == port);
}

void remove_annotations(Editor& editor, const Marker& marker, bool with_prometheus) {
  if (marker.has("config")) remove_member(editor, child(annotations_path, config_annotation));
  for (const auto& added : marker.added) {
    // Only keys of annotations have a slash.
    if (added.find('/') == std::string::npos) continue;
    if (with_prometheus || !added.starts_with("prometheus.io/")) remove_member(editor, child(annotations_path, added));
  }
  editor.remove(child(annotations_path, marker_annotation));
  remove_if_empty(editor, marker, "annotations", std::string(annotations_path));
}

void restore_label(Editor& editor, const Marker& marker) {
  const auto label = child("/metadata/labels", sidecar_label);
  if (find(editor.document(), label) == nullptr) return;
  const auto own =
      std::ranges::find_if(marker.added, [](const auto& what) { return what.starts_with(own_label_mark); });
  if (own == marker.added.end()) {
    editor.remove(label);
  } else {
    editor.add(label, json::value(own->substr(own_label_mark.size())));
  }
}

void restore_dns(Editor& editor, const Marker& marker) {
  if (marker.has(empty_name_servers_mark) && find_object(editor.document(), "/spec/dnsConfig") != nullptr) {
    editor.add("/spec/dnsConfig/nameservers", json::array{});
  } else {
    remove_member(editor, "/spec/dnsConfig/nameservers");
  }
  remove_front(editor, "/spec/dnsConfig/searches", marker.searches);
  remove_front(editor, "/spec/dnsConfig/options", marker.options);
  remove_if_empty(editor, marker, "searches", "/spec/dnsConfig/searches");
  remove_if_empty(editor, marker, "options", "/spec/dnsConfig/options");
  remove_if_empty(editor, marker, "dnsConfig", "/spec/dnsConfig");
  if (marker.has("dnsPolicy")) {
    remove_member(editor, "/spec/dnsPolicy");
  } else {
    editor.add("/spec/dnsPolicy", "ClusterFirst");
  }
}

}  // namespace

void remove_sidecar(Editor& editor, const Marker& marker) {
  // Evaluated first, since it reads the container that is removed below.
  const bool with_prometheus = is_scraped(editor.document());
  for (const auto& volume : volumes_of_pillion(editor.document())) remove_named(editor, "/spec/volumes", volume);
  for (const auto* const list : {"/spec/initContainers", "/spec/containers"})
    remove_named(editor, list, container_name);
  remove_if_empty(editor, marker, "initContainers", "/spec/initContainers");
  remove_if_empty(editor, marker, "volumes", "/spec/volumes");
  for (const std::string_view added : marker.added) {
    if (added.starts_with(pull_secret_mark))
      remove_named(editor, "/spec/imagePullSecrets", added.substr(pull_secret_mark.size()));
  }
  remove_if_empty(editor, marker, "imagePullSecrets", "/spec/imagePullSecrets");
  if (marker.has("sysctl")) remove_named(editor, "/spec/securityContext/sysctls", port_sysctl_name);
  remove_if_empty(editor, marker, "sysctls", "/spec/securityContext/sysctls");
  remove_if_empty(editor, marker, "securityContext", "/spec/securityContext");
  restore_dns(editor, marker);
  restore_label(editor, marker);
  remove_if_empty(editor, marker, "labels", "/metadata/labels");
  remove_annotations(editor, marker, with_prometheus);
  remove_if_empty(editor, marker, "metadata", "/metadata");
}

}  // namespace pillion::inject
