#include "inject/mutate.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "inject/editor.hpp"
#include "inject/marker.hpp"
#include "inject/names.hpp"
#include "inject/obstacles.hpp"
#include "inject/overrides.hpp"
#include "inject/removal.hpp"
#include "inject/sidecar.hpp"

namespace pillion::inject {
namespace {

/// Puts Pillion into a pod that does not have it, and records what was added.
class Insertion {
 public:
  Insertion(Editor& editor, const Options& options) : editor_(editor), options_(options) {}

  void run(std::string_view name_space) {
    prepare_metadata();
    set_dns(name_space);
    set_sysctl();
    insert("/spec/" + std::string(options_.native ? "initContainers" : "containers"), {container(options_)},
           "initContainers");
    insert("/spec/volumes", volumes(options_), "volumes");
    add_pull_secrets();
    annotate();
  }

 private:
  /// Adds an empty map or list if there is none.
  void ensure(std::string_view pointer, json::value empty, std::string_view name) {
    if (find(editor_.document(), pointer) != nullptr) return;
    editor_.add(pointer, std::move(empty));
    marker_.added.emplace_back(name);
  }

  /// Inserts the items at the start of the list.
  void insert(const std::string& list, const json::array& items, std::string_view name) {
    if (items.empty()) return;
    ensure(list, json::array{}, name);
    for (std::size_t i = 0; i < items.size(); ++i) editor_.add(list + '/' + std::to_string(i), items[i]);
  }

  void prepare_metadata() {
    ensure("/metadata", json::object{}, "metadata");
    ensure("/metadata/labels", json::object{}, "labels");
    ensure(annotations_path, json::object{}, "annotations");
    const auto label = child("/metadata/labels", sidecar_label);
    if (const auto* const own = find_string(editor_.document(), label))
      marker_.added.push_back(std::string(own_label_mark) + std::string(*own));
    editor_.add(label, "true");
  }

  void set_dns(std::string_view name_space) {
    if (find(editor_.document(), "/spec/dnsPolicy") == nullptr) marker_.added.emplace_back("dnsPolicy");
    editor_.add("/spec/dnsPolicy", "None");
    ensure("/spec/dnsConfig", json::object{}, "dnsConfig");
    if (find(editor_.document(), "/spec/dnsConfig/nameservers") != nullptr)
      marker_.added.emplace_back(empty_name_servers_mark);
    editor_.add("/spec/dnsConfig/nameservers", json::array{loopback(options_)});
    json::array domains;
    for (const auto& domain : searches(options_, name_space)) domains.emplace_back(domain);
    insert("/spec/dnsConfig/searches", domains, "searches");
    insert("/spec/dnsConfig/options", options_.resolver_options, "options");
    marker_.searches = domains.size();
    marker_.options = options_.resolver_options.size();
  }

  void set_sysctl() {
    if (!options_.port_sysctl) return;
    const auto& sysctls = items_at(editor_.document(), "/spec/securityContext/sysctls");
    if (std::ranges::any_of(sysctls, [](const auto& each) { return text_at(each, "/name") == port_sysctl_name; }))
      return;
    ensure("/spec/securityContext", json::object{}, "securityContext");
    ensure("/spec/securityContext/sysctls", json::array{}, "sysctls");
    editor_.add("/spec/securityContext/sysctls/-", json::object{{"name", port_sysctl_name}, {"value", "53"}});
    marker_.added.emplace_back("sysctl");
  }

  /// Adds the annotation unless the pod has it.
  void annotate(std::string_view key, std::string_view value) {
    if (find(editor_.document(), child(annotations_path, key)) != nullptr) return;
    editor_.add(child(annotations_path, key), json::value(value));
    marker_.added.emplace_back(key);
  }

  void annotate() {
    const auto config = child(annotations_path, config_annotation);
    if (options_.config_map.empty() && find(editor_.document(), config) == nullptr) {
      editor_.add(config, json::value(options_.config));
      marker_.added.emplace_back("config");
    }
    const auto* const present = find_object(editor_.document(), annotations_path);
    const bool is_scraped =
        std::ranges::any_of(*present, [](const auto& each) { return each.key().starts_with("prometheus.io/"); });
    if (options_.scrape_annotations && !is_scraped) {
      annotate("prometheus.io/scrape", "true");
      annotate("prometheus.io/port", std::to_string(options_.http_port));
      annotate("prometheus.io/path", "/metrics");
    }
    annotate_for_mesh();
    marker_.version = options_.version;
    editor_.add(child(annotations_path, marker_annotation), json::value(to_text(marker_)));
  }

  void annotate_for_mesh() {
    for (const auto& [key, ports] : mesh_annotations(options_)) {
      std::string list;
      for (const auto port : ports) list += (list.empty() ? "" : ",") + std::to_string(port);
      annotate(key, list);
    }
    if (options_.mesh == Mesh::istio)
      annotate("proxy.istio.io/config", R"({"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"false"}})");
  }

  /// Appends the secrets to the pod's own.
  void add_pull_secrets() {
    const std::string list = "/spec/imagePullSecrets";
    for (const auto& secret : options_.image_pull_secrets) {
      const auto& present = items_at(editor_.document(), list);
      const auto* const name = find_string(secret, "/name");
      if (name == nullptr || std::ranges::find(present, secret) != present.end()) continue;
      ensure(list, json::array{}, "imagePullSecrets");
      editor_.add(list + "/-", secret);
      marker_.added.push_back(std::string(pull_secret_mark) + std::string(*name));
    }
  }

  Editor& editor_;
  const Options& options_;
  Marker marker_;
};

std::unexpected<Reason> obstacle(std::string text) {
  return std::unexpected(Reason{.kind = Reason::Kind::obstacle, .text = std::move(text)});
}

}  // namespace

std::expected<json::array, Reason> mutate(const json::value& pod, const Options& options, std::string_view name_space) {
  if (auto malformation = find_malformation(pod)) return obstacle(std::move(*malformation));
  if (is_opted_out(pod))
    return std::unexpected(
        Reason{.kind = Reason::Kind::opted_out, .text = "its label " + std::string(inject_label) + R"( is "false")"});
  if (!options.enabled) return json::array{};
  const auto marker = find_marker(pod);
  if (!marker) return obstacle(marker.error());
  json::value edited = pod;
  Editor editor(edited);
  if (*marker) remove_sidecar(editor, **marker);
  // Removing the old sidecar may have emptied what the pod consisted of.
  if (auto malformation = find_malformation(edited)) return obstacle(std::move(*malformation));
  if (auto found = find_obstacle(edited, options)) return obstacle(std::move(*found));
  const auto own = with_overrides(edited, options);
  if (!own) return obstacle(own.error());
  if (auto found = find_mesh_obstacle(edited, *own)) return obstacle(std::move(*found));
  Insertion(editor, *own).run(name_space);
  if (edited == pod) return json::array{};
  return editor.patch();
}

std::expected<json::array, Reason> restore(const json::value& pod) {
  if (auto malformation = find_malformation(pod)) return obstacle(std::move(*malformation));
  const auto marker = find_marker(pod);
  if (!marker) return obstacle(marker.error());
  if (!*marker) return json::array{};
  json::value edited = pod;
  Editor editor(edited);
  remove_sidecar(editor, **marker);
  if (auto malformation = find_malformation(edited)) return obstacle(std::move(*malformation));
  return editor.patch();
}

void apply(const json::array& patch, json::value& document) {
  Editor editor(document);
  for (const auto& operation : patch) {
    const auto& path = operation.at("path").as_string();
    if (operation.at("op").as_string() == "add") {
      editor.add(path, operation.at("value"));
    } else {
      editor.remove(path);
    }
  }
}

}  // namespace pillion::inject
