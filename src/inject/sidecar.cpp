#include "inject/sidecar.hpp"

#include "inject/names.hpp"
#include "inject/sidecar_config.hpp"

namespace pillion::inject {
namespace {

json::object mount(std::string_view volume, std::string_view path) {
  return {{"name", volume}, {"mountPath", path}, {"readOnly", true}};
}

json::object exec(json::array command) {
  return {{"exec", json::object{{"command", std::move(command)}}}};
}

bool has_ca(const Options& options) {
  return !options.ca_config_map.empty() || !options.ca_secret.empty();
}

json::object lifecycle(const Options& options) {
  // The hook replaces a startup probe, whose next try may come a second later. The kubelet goes on as soon as the hook
  // ends.
  json::object hooks{{"postStart", exec({"/pillion", "health", "--startup", "--wait", "60s"})}};
  if (!options.native && options.pre_stop_seconds > 0)
    hooks["preStop"] = json::object{{"sleep", json::object{{"seconds", options.pre_stop_seconds}}}};
  return hooks;
}

}  // namespace

json::object container(const Options& options) {
  json::object result{{"name", container_name}, {"image", options.image}, {"imagePullPolicy", options.pull_policy}};
  if (options.native) result["restartPolicy"] = "Always";
  result["args"] = json::array{"run", "--supervise", "--config", "/etc/pillion/pillion.yaml"};
  if (!options.extra_env.empty()) result["env"] = options.extra_env;
  result["ports"] =
      json::array{json::object{{"name", "pillion-http"}, {"containerPort", options.http_port}, {"protocol", "TCP"}}};
  result["lifecycle"] = lifecycle(options);
  auto liveness = exec({"/pillion", "health", "--live"});
  for (const auto& [key, value] : options.liveness_probe) liveness[key] = value;
  result["livenessProbe"] = std::move(liveness);
  // `kubectl describe` then shows what is wrong with a configuration.
  result["terminationMessagePolicy"] = "FallbackToLogsOnError";
  result["resources"] = options.resources;
  result["securityContext"] = options.security_context;
  json::array mounts{mount(config_volume, "/etc/pillion")};
  if (!options.client_tls_secret.empty()) mounts.emplace_back(mount(client_volume, "/etc/pillion-client"));
  if (has_ca(options)) mounts.emplace_back(mount(ca_volume, "/etc/pillion-ca"));
  for (const auto& extra : options.extra_volume_mounts) mounts.emplace_back(extra);
  result["volumeMounts"] = std::move(mounts);
  return result;
}

json::array volumes(const Options& options) {
  json::array result;
  if (options.config_map.empty()) {
    const json::object field{{"fieldPath", "metadata.annotations['" + std::string(config_annotation) + "']"}};
    const json::array items{json::object{{"path", "pillion.yaml"}, {"fieldRef", field}}};
    result.emplace_back(json::object{{"name", config_volume}, {"downwardAPI", json::object{{"items", items}}}});
  } else {
    result.emplace_back(
        json::object{{"name", config_volume}, {"configMap", json::object{{"name", options.config_map}}}});
  }
  if (!options.client_tls_secret.empty())
    result.emplace_back(
        json::object{{"name", client_volume}, {"secret", json::object{{"secretName", options.client_tls_secret}}}});
  if (!options.ca_config_map.empty()) {
    result.emplace_back(
        json::object{{"name", ca_volume}, {"configMap", json::object{{"name", options.ca_config_map}}}});
  } else if (!options.ca_secret.empty()) {
    result.emplace_back(json::object{{"name", ca_volume}, {"secret", json::object{{"secretName", options.ca_secret}}}});
  }
  for (const auto& extra : options.extra_volumes) result.emplace_back(extra);
  return result;
}

std::string_view loopback(const Options& options) {
  return options.ipv6 ? "::1" : "127.0.0.1";
}

std::vector<MeshAnnotation> mesh_annotations(const Options& options) {
  if (options.mesh == Mesh::none) return {};
  const bool is_istio = options.mesh == Mesh::istio;
  std::vector<MeshAnnotation> annotations;
  const auto encrypted = options.config_map.empty() ? encrypted_ports(options.config) : std::vector<std::uint16_t>{853};
  if (!encrypted.empty())
    annotations.push_back(
        {is_istio ? "traffic.sidecar.istio.io/excludeOutboundPorts" : "config.linkerd.io/skip-outbound-ports",
         encrypted});
  annotations.push_back(
      {is_istio ? "traffic.sidecar.istio.io/excludeInboundPorts" : "config.linkerd.io/skip-inbound-ports",
       {options.http_port}});
  return annotations;
}

std::vector<std::string> searches(const Options& options, std::string_view name_space) {
  std::vector<std::string> result;
  if (options.cluster_searches) {
    const auto service = "svc." + options.cluster_domain;
    result = {std::string(name_space) + "." + service, service, options.cluster_domain};
  }
  result.insert(result.end(), options.searches.begin(), options.searches.end());
  return result;
}

}  // namespace pillion::inject
