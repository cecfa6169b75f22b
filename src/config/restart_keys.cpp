#include "config/restart_keys.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "config/scalar.hpp"

namespace pillion::config {
namespace {

struct RestartKey {
  std::string_view path;
  std::string (*value_of)(const Config& config);  ///< the value as the configuration writes it
};

/// "0.0.0.0:9153", "0.0.0.0:9153, [::]:9153".
std::string listed(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (const auto& endpoint : endpoints) text += (text.empty() ? "" : ", ") + to_string(endpoint);
  return text.empty() ? R"("")" : text;
}

std::string listed(const std::vector<QueryLogField>& fields) {
  std::string text;
  for (const auto field : fields) text.append(text.empty() ? "" : ", ").append(to_string(field));
  return text.empty() ? "[]" : text;
}

std::string shown(const std::string& text) {
  return text.empty() ? R"("")" : text;
}

std::string shown(bool value) {
  return value ? "true" : "false";
}

constexpr std::array reload_table{
    RestartKey{.path = "dns.max_connections",
               .value_of = [](const Config& config) { return std::to_string(config.dns.max_connections); }},
    RestartKey{.path = "dns.max_connections_per_client",
               .value_of = [](const Config& config) { return std::to_string(config.dns.max_connections_per_client); }},
    RestartKey{
        .path = "dns.max_in_flight_per_connection",
        .value_of = [](const Config& config) { return std::to_string(config.dns.max_in_flight_per_connection); }},
    RestartKey{.path = "cache.size", .value_of = [](const Config& config) { return format_size(config.cache.size); }},
    RestartKey{.path = "clients.ipv6_prefix",
               .value_of = [](const Config& config) { return std::to_string(config.clients.ipv6_prefix); }},
    RestartKey{.path = "http.listen", .value_of = [](const Config& config) { return listed(config.http.listen); }},
    RestartKey{.path = "admin.listen", .value_of = [](const Config& config) { return listed(config.admin.listen); }},
    RestartKey{.path = "log.format",
               .value_of = [](const Config& config) { return std::string(to_string(config.log.format)); }},
    RestartKey{.path = "log.fields",
               .value_of = [](const Config& config) { return std::string(to_string(config.log.fields)); }},
    RestartKey{.path = "syslog.output", .value_of = [](const Config& config) { return shown(config.syslog.output); }},
    RestartKey{.path = "syslog.ca_file", .value_of = [](const Config& config) { return shown(config.syslog.ca_file); }},
    RestartKey{.path = "query_log.output",
               .value_of = [](const Config& config) { return shown(config.query_log.output); }},
    RestartKey{.path = "query_log.fields",
               .value_of = [](const Config& config) { return listed(config.query_log.fields); }},
    RestartKey{.path = "query_log.sample",
               .value_of = [](const Config& config) { return format_fraction(config.query_log.sample); }},
    RestartKey{.path = "query_log.names",
               .value_of = [](const Config& config) { return std::string(to_string(config.query_log.names)); }},
    RestartKey{.path = "query_log.key_file",
               .value_of = [](const Config& config) { return shown(config.query_log.key_file); }},
    RestartKey{.path = "dnstap.output", .value_of = [](const Config& config) { return shown(config.dnstap.output); }},
    RestartKey{.path = "dnstap.client", .value_of = [](const Config& config) { return shown(config.dnstap.client); }},
    RestartKey{.path = "dnstap.forwarder",
               .value_of = [](const Config& config) { return shown(config.dnstap.forwarder); }},
    RestartKey{.path = "dnstap.identity",
               .value_of = [](const Config& config) { return shown(config.dnstap.identity); }},
    RestartKey{
        .path = "memory",
        .value_of =
            [](const Config& config) { return config.memory == 0 ? std::string("auto") : format_size(config.memory); }},
    RestartKey{.path = "threads", .value_of = [](const Config& config) { return std::to_string(config.threads); }},
};

}  // namespace

std::vector<std::string_view> restart_keys() {
  std::vector<std::string_view> paths;
  std::ranges::transform(reload_table, std::back_inserter(paths), &RestartKey::path);
  return paths;
}

std::vector<std::string> restart_faults(const Config& before, const Config& after) {
  std::vector<std::string> faults;
  for (const auto& key : reload_table) {
    const auto was = key.value_of(before);
    const auto is = key.value_of(after);
    if (is == was) continue;
    std::string fault(key.path);
    faults.push_back(fault.append(": is ").append(is).append(" and was ").append(was).append("; restart to apply"));
  }
  return faults;
}

}  // namespace pillion::config
