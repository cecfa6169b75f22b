#include "inject/values.hpp"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include "config/scalar.hpp"
#include "inject/overrides.hpp"
#include "inject/sidecar_config.hpp"
#include "inject/yaml_writer.hpp"

namespace pillion::inject {
namespace {

json::object default_resources() {
  return {{"requests", json::object{{"cpu", "10m"}, {"memory", "16Mi"}}}, {"limits", json::object{{"memory", "64Mi"}}}};
}

json::object default_security_context() {
  return {{"allowPrivilegeEscalation", false},
          {"capabilities", json::object{{"drop", json::array{"ALL"}}}},
          {"privileged", false},
          {"readOnlyRootFilesystem", true},
          {"runAsNonRoot", true},
          {"runAsUser", 65532},
          {"runAsGroup", 65532},
          {"seccompProfile", json::object{{"type", "RuntimeDefault"}}}};
}

json::object default_liveness_probe() {
  return {{"periodSeconds", 10}, {"timeoutSeconds", 3}, {"failureThreshold", 3}};
}

/// Merges `given` into `into`, where `given` takes precedence and null removes a member, as in Helm.
void merge(const json::object& given, json::object& into) {
  for (const auto& [key, value] : given) {
    auto& target = into[key];
    if (value.is_null()) {
      into.stable_erase(key);
    } else if (value.is_object() && target.is_object()) {
      merge(value.get_object(), target.get_object());
    } else {
      target = value;
    }
  }
}

void merge(ValueSection& section, std::string_view key, json::object& into) {
  json::object given;
  section.read(key, given);
  merge(given, into);
}

std::string read_image(ValueSection& top, const std::string& version, Options& options) {
  std::string repository;
  std::string tag;
  std::string digest;
  if (auto image = top.section("image")) {
    image->read("repository", repository);
    image->read("tag", tag);
    image->read("digest", digest);
    image->read("pullPolicy", options.pull_policy);
    image->finish();
  }
  if (repository.empty())
    top.refuse("image.repository", "must be the repository of your image of Pillion, such as registry.example/pillion");
  return digest.empty() ? repository + ':' + (tag.empty() ? version : tag) : repository + '@' + digest;
}

void read_family(ValueSection& top, Options& options) {
  std::string family = "IPv4";
  top.read("ipFamily", family);
  if (family != "IPv4" && family != "IPv6") top.refuse("ipFamily", "must be IPv4 or IPv6");
  options.ipv6 = family == "IPv6";
  if (const auto port = top.read_number("httpPort", 1, 65535)) options.http_port = static_cast<std::uint16_t>(*port);
  if (options.http_port == 53) top.refuse("httpPort", "port 53 is for DNS");
}

void read_resolver(ValueSection& top, Options& options) {
  std::int64_t ndots = 5;
  json::array more;
  if (auto resolver = top.section("resolver")) {
    ndots = resolver->read_number("ndots", 0, 15).value_or(ndots);
    resolver->read("searches", options.searches);
    resolver->read("options", more);
    resolver->finish();
  }
  options.resolver_options.emplace_back(json::object{{"name", "ndots"}, {"value", std::to_string(ndots)}});
  for (auto& each : more) options.resolver_options.emplace_back(std::move(each));
}

void read_cluster(ValueSection& top, ConfigValues& config, Options& options) {
  if (auto cluster = top.section("clusterDNS")) {
    cluster->read("enabled", config.cluster_dns);
    cluster->read("address", config.cluster_address);
    if (!config.cluster_address.empty() && !config::parse_endpoint(bracketed(config.cluster_address) + ":53"))
      cluster->refuse("address", "`" + config.cluster_address + "` is not an IP address (without a port)");
    cluster->read("domain", config.cluster_domain);
    cluster->read("networks", config.cluster_networks);
    cluster->pass_over("lookup");
    cluster->finish();
  }
  options.cluster_searches = config.cluster_dns;
  options.cluster_domain = config.cluster_domain;
}

void read_files(ValueSection& top, Options& options) {
  if (auto client = top.section("clientTLS")) {
    client->read("secretName", options.client_tls_secret);
    client->finish();
  }
  if (auto ca = top.section("ca")) {
    ca->read("configMapName", options.ca_config_map);
    ca->read("secretName", options.ca_secret);
    ca->finish();
  }
  if (!options.ca_config_map.empty() && !options.ca_secret.empty())
    top.refuse("ca", "must have configMapName or secretName, not both");
  top.read("extraVolumes", options.extra_volumes);
  top.read("extraVolumeMounts", options.extra_volume_mounts);
  top.read("extraEnv", options.extra_env);
}

void read_mesh(ValueSection& top, Options& options) {
  std::string mesh = "none";
  top.read("mesh", mesh);
  if (mesh == "istio") {
    options.mesh = Mesh::istio;
  } else if (mesh == "linkerd") {
    options.mesh = Mesh::linkerd;
  } else if (mesh != "none") {
    top.refuse("mesh", "must be none, istio or linkerd");
  }
}

void read_platform(ValueSection& top, ConfigValues& config, Options& options) {
  std::string text = "none";
  top.read("platform", text);
  const auto platform = platform_from(text);
  if (!platform) return top.refuse("platform", "must be none, gke, eks, aks or openshift");
  config.platform = *platform;
  if (*platform != Platform::openshift) return;
  // An OpenShift namespace has its own range of users, and the constraint restricted-v2 rejects any other user.
  const auto defaults = default_security_context();
  for (const auto* const key : {"runAsUser", "runAsGroup"}) {
    const auto* const given = options.security_context.if_contains(key);
    if (given != nullptr && *given == defaults.at(key)) options.security_context.stable_erase(key);
  }
}

void check_resources(ValueSection& top, const json::object& resources) {
  for (const auto& [kind, amounts] : resources) {
    if (!amounts.is_object()) continue;
    for (const auto& [what, amount] : amounts.get_object()) {
      const auto* const text = amount.if_string();
      const std::string problem = text != nullptr      ? check_quantity(*text)
                                  : amount.is_number() ? ""
                                                       : "must be a quantity";
      if (!problem.empty()) top.refuse("resources." + std::string(kind) + '.' + std::string(what), problem);
    }
  }
}

void read_container(ValueSection& top, Options& options) {
  options.resources = default_resources();
  options.security_context = default_security_context();
  options.liveness_probe = default_liveness_probe();
  merge(top, "resources", options.resources);
  check_resources(top, options.resources);
  merge(top, "containerSecurityContext", options.security_context);
  merge(top, "livenessProbe", options.liveness_probe);
  if (const auto seconds = top.read_number("preStopSeconds", 0, 3600))
    options.pre_stop_seconds = static_cast<std::uint32_t>(*seconds);
}

/// Checks the values that only the chart can implement.
void read_chart_only(ValueSection& top, const Options& options) {
  top.pass_over("libraryVersion");
  json::object global;
  top.read("global", global);
  if (!global.empty()) top.refuse("global", "is for Helm: give the values without global");
  std::string change = "roll";
  top.read("configChange", change);
  if (change != "roll" && change != "reload") {
    top.refuse("configChange", "must be roll or reload");
  } else if (change == "reload" && options.config_map.empty()) {
    top.refuse(
        "configChange",
        "reload needs a ConfigMap, which this program does not make: make one, and set existingConfigMap to its name");
  }
}

}  // namespace

std::expected<Options, std::string> read_values(const json::object& values, const std::string& version,
                                                std::optional<std::string> config_text) {
  ValueFaults faults;
  ValueSection top(values, "", faults);
  Options options;
  ConfigValues config;
  options.version = version;
  options.image = read_image(top, version, options);
  top.read("enabled", options.enabled);
  top.read("imagePullSecrets", options.image_pull_secrets);
  top.read("native", options.native);
  top.read("portSysctl", options.port_sysctl);
  top.read("scrapeAnnotations", options.scrape_annotations);
  top.read("existingConfigMap", options.config_map);
  top.read("config", config.given);
  read_family(top, options);
  read_resolver(top, options);
  read_cluster(top, config, options);
  read_files(top, options);
  read_mesh(top, options);
  read_container(top, options);
  read_platform(top, config, options);
  read_chart_only(top, options);
  top.finish();

  config.ipv6 = options.ipv6;
  config.http_port = options.http_port;
  if (config_text) {
    options.config = std::move(*config_text);
  } else if (options.config_map.empty()) {
    const auto generated = sidecar_config(config, faults);
    options.config = to_yaml(generated);
  }
  if (faults.empty() && options.config_map.empty()) {
    for (const auto& fault : check_config(options.config)) faults.push_back("config: " + fault);
  }
  if (faults.empty()) return options;
  std::string all;
  for (const auto& fault : faults) all += (all.empty() ? "" : "\n") + fault;
  return std::unexpected(all);
}

}  // namespace pillion::inject
