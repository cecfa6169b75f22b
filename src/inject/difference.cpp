#include "inject/difference.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "inject/editor.hpp"
#include "inject/names.hpp"
#include "inject/yaml_documents.hpp"

namespace pillion::inject {
namespace {

/// Pillion's container and its place in the pod.
struct Found {
  std::string_view list;
  std::size_t place;
  const json::object* container;
};

std::optional<Found> find_container(const json::value& pod) {
  for (const std::string_view list : {"initContainers", "containers"}) {
    const auto& items = items_at(pod, "/spec/" + std::string(list));
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (text_at(items[i], "/name") == container_name) return Found{list, i, items[i].if_object()};
    }
  }
  return std::nullopt;
}

/// Keys that the API server adds to a container or a volume if nobody has set them.
constexpr std::array<std::string_view, 4> defaulted = {"terminationMessagePath", "successThreshold", "defaultMode",
                                                       "apiVersion"};

bool is_defaulted(std::string_view key) {
  return std::ranges::find(defaulted, key) != defaulted.end();
}

/// True if the API server has added this mount: the token of the service account.
bool is_token_mount(const json::value& item) {
  return text_at(item, "/mountPath") == "/var/run/secrets/kubernetes.io/serviceaccount";
}

bool is_same(const json::value& there, const json::value& to_be);

/// The keys whose values differ, or that only one of the two objects has.
std::set<std::string> differing_keys(const json::object& there, const json::object& to_be) {
  std::set<std::string> keys;
  for (const auto& [key, value] : to_be) {
    const auto* const found = there.if_contains(key);
    if (found == nullptr || !is_same(*found, value)) keys.emplace(key);
  }
  for (const auto& each : there) {
    if (!to_be.contains(each.key()) && !is_defaulted(each.key())) keys.emplace(each.key());
  }
  return keys;
}

/// True if `there` is equal to `to_be`, apart from what the API server adds.
bool is_same(const json::value& there, const json::value& to_be) {  // NOLINT(misc-no-recursion): as deep as the YAML
  if (there.is_object() && to_be.is_object()) return differing_keys(there.get_object(), to_be.get_object()).empty();
  if (!there.is_array() || !to_be.is_array()) return there == to_be;
  auto items = there.get_array();
  if (items.size() > to_be.get_array().size()) {
    const auto last = std::remove_if(items.begin(), items.end(), is_token_mount);
    items.erase(last, items.end());
  }
  return std::ranges::equal(items, to_be.get_array(), is_same);
}

std::string joined(const std::set<std::string>& words) {
  std::string list;
  for (const auto& word : words) list += (list.empty() ? "" : ", ") + word;
  return list;
}

/// Sorts the routes, since their order has no meaning: the longest suffix wins.
json::value without_order(json::value config) {
  auto* const members = config.if_object();
  auto* const routes = members == nullptr ? nullptr : members->if_contains("routes");
  if (routes != nullptr && routes->is_array()) {
    std::ranges::sort(routes->get_array(), {}, [](const auto& route) { return json::serialize(route); });
  }
  return config;
}

/// Sorts a list by its items' names, since others may put their volumes or secrets in front of Pillion's. Lists within
/// the items keep their order.
json::value in_any_order(const json::value* value) {
  if (value == nullptr) return nullptr;
  auto result = *value;
  if (auto* const items = result.if_array())
    std::ranges::sort(*items, {}, [](const auto& item) { return std::string(text_at(item, "/name")); });
  return result;
}

/// The configuration in the pod's annotation, or nullopt if there is none or it is not YAML.
std::optional<json::value> config_of(const json::value& pod) {
  const auto* const text = find_string(pod, child("/metadata/annotations", config_annotation));
  if (text == nullptr) return std::nullopt;
  auto documents = read_documents(*text);
  if (!documents || documents->size() != 1) return std::nullopt;
  return without_order(std::move(documents->front().value));
}

class Comparison {
 public:
  Comparison(const json::value& pod, const json::value& wanted) : pod_(pod), wanted_(wanted) {}

  std::string run() {
    compare_containers();
    compare_configurations();
    compare_annotations();
    constexpr std::array<std::pair<std::string_view, std::string_view>, 6> places = {{
        {"/metadata/labels", "labels"},
        {"/spec/dnsPolicy", "dnsPolicy"},
        {"/spec/dnsConfig", "dnsConfig"},
        {"/spec/securityContext", "sysctls"},
        {"/spec/volumes", "volumes"},
        {"/spec/imagePullSecrets", "imagePullSecrets"},
    }};
    for (const auto& [pointer, name] : places) {
      const auto* const there = find(pod_, pointer);
      const auto* const to_be = find(wanted_, pointer);
      if (!is_same(in_any_order(there), in_any_order(to_be))) say(std::string(name));
    }
    return std::move(text_);
  }

 private:
  void say(const std::string& what) { text_ += (text_.empty() ? "" : ", ") + what; }

  void compare_containers() {
    const auto there = find_container(pod_);
    const auto to_be = find_container(wanted_);
    if (!to_be || to_be->container == nullptr) return;
    if (!there || there->container == nullptr) return say("the container pillion is missing");
    auto keys = differing_keys(*there->container, *to_be->container);
    if (keys.erase("image") > 0) say("image " + image(*there->container) + " instead of " + image(*to_be->container));
    if (there->list != to_be->list) {
      say("the container is in " + std::string(there->list) + " instead of " + std::string(to_be->list));
    } else if (there->place != to_be->place) {
      say("the container is not the first of " + std::string(to_be->list));
    }
    if (!keys.empty()) say(joined(keys) + " of the container");
  }

  static std::string image(const json::object& container) {
    const auto* const found = container.if_contains("image");
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : "(none)";
  }

  void compare_configurations() {
    const auto there = config_of(pod_);
    const auto to_be = config_of(wanted_);
    if (there == to_be) return;
    if (!there || !to_be || !there->is_object() || !to_be->is_object()) return say("configuration");
    say("configuration (" + joined(differing_keys(there->get_object(), to_be->get_object())) + ")");
  }

  void compare_annotations() {
    static const json::object none;
    const auto* const there = find_object(pod_, "/metadata/annotations");
    const auto* const to_be = find_object(wanted_, "/metadata/annotations");
    auto keys = differing_keys(there == nullptr ? none : *there, to_be == nullptr ? none : *to_be);
    keys.erase(std::string(config_annotation));
    // The marker follows from everything else.
    keys.erase(std::string(marker_annotation));
    for (const auto& key : keys) say("annotation " + key);
  }

  const json::value& pod_;
  const json::value& wanted_;
  std::string text_;
};

}  // namespace

std::string describe_difference(const json::value& pod, const json::value& wanted) {
  return Comparison(pod, wanted).run();
}

}  // namespace pillion::inject
