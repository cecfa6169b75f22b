#pragma once
// Where the pods are in an object of Kubernetes.

#include <string>
#include <vector>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

struct PodTemplate {
  std::string pointer;     ///< to the pod, or to the template of one; empty: the document itself is a pod
  std::string kind;        ///< of the object that has it: "Deployment"
  std::string name;        ///< of the object
  std::string name_space;  ///< as the object says it; empty: it does not
};

/// Of a workload of any kind that Kubernetes has, of Argo's Rollout and OpenShift's DeploymentConfig, and of those in a
/// list. Empty for everything else.
[[nodiscard]] std::vector<PodTemplate> find_pod_templates(const json::value& document);

}  // namespace pillion::inject
