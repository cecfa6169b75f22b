#pragma once
// Finds the pods and pod templates in a Kubernetes object.

#include <string>
#include <vector>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

struct PodTemplate {
  std::string pointer;     ///< points to the pod or the pod's template; empty: the document itself is a pod
  std::string kind;        ///< kind of the object that contains it: "Deployment"
  std::string name;        ///< name of the object
  std::string name_space;  ///< namespace that the object states; empty: none
};

/// The pods and pod templates of a document: of every Kubernetes workload, of Argo's Rollout and OpenShift's
/// DeploymentConfig, and of these in a list. Empty for everything else.
[[nodiscard]] std::vector<PodTemplate> find_pod_templates(const json::value& document);

}  // namespace pillion::inject
