#include "inject/workload.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include "inject/editor.hpp"

namespace pillion::inject {
namespace {

struct WorkloadKind {
  std::string_view group;
  std::string_view kind;
  std::string_view pointer;  ///< points to the pod's template
};

constexpr std::array kinds = {
    WorkloadKind{"", "Pod", ""},
    WorkloadKind{"", "PodTemplate", "/template"},
    WorkloadKind{"", "ReplicationController", "/spec/template"},
    WorkloadKind{"apps", "Deployment", "/spec/template"},
    WorkloadKind{"apps", "ReplicaSet", "/spec/template"},
    WorkloadKind{"apps", "StatefulSet", "/spec/template"},
    WorkloadKind{"apps", "DaemonSet", "/spec/template"},
    WorkloadKind{"batch", "Job", "/spec/template"},
    WorkloadKind{"batch", "CronJob", "/spec/jobTemplate/spec/template"},
    WorkloadKind{"apps.openshift.io", "DeploymentConfig", "/spec/template"},
    WorkloadKind{"argoproj.io", "Rollout", "/spec/template"},
};

/// The group of an API version: "apps" of "apps/v1", empty for "v1".
std::string_view group_of(std::string_view api_version) {
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view{} : api_version.substr(0, slash);
}

void collect(const json::value& object, const std::string& prefix, std::vector<PodTemplate>& found) {
  const auto kind = text_at(object, "/kind");
  if (kind.ends_with("List")) {
    const auto& items = items_at(object, "/items");
    for (std::size_t i = 0; i < items.size(); ++i) collect(items[i], prefix + "/items/" + std::to_string(i), found);
    return;
  }
  const auto group = group_of(text_at(object, "/apiVersion"));
  const auto* const known =
      std::ranges::find_if(kinds, [&](const WorkloadKind& each) { return each.group == group && each.kind == kind; });
  if (known == kinds.end() || find_object(object, known->pointer) == nullptr) return;
  auto name = text_at(object, "/metadata/name");
  if (name.empty()) name = text_at(object, "/metadata/generateName");
  found.push_back({.pointer = prefix + std::string(known->pointer),
                   .kind = std::string(kind),
                   .name = std::string(name),
                   .name_space = std::string(text_at(object, "/metadata/namespace"))});
}

}  // namespace

std::vector<PodTemplate> find_pod_templates(const json::value& document) {
  std::vector<PodTemplate> found;
  collect(document, "", found);
  return found;
}

}  // namespace pillion::inject
