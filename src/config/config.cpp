#include "config/config.hpp"

#include "config/keys.hpp"

namespace pillion::config {

std::string to_string(const Endpoint& endpoint) {
  return (is_ipv6(endpoint) ? "[" + endpoint.address + "]" : endpoint.address) + ":" + std::to_string(endpoint.port);
}

std::string_view to_string(Protocol protocol) {
  return protocol_words[protocol];
}
std::string_view to_string(PolicyKind policy) {
  return policy_words[policy];
}
std::string_view to_string(TlsVersion version) {
  return tls_version_words[version];
}
std::string_view to_string(LogThreshold level) {
  return log_level_words[level];
}
std::string_view to_string(LogFormat format) {
  return log_format_words[format];
}
std::string_view to_string(LogNames names) {
  return log_names_words[names];
}
std::string_view to_string(QueryLogField field) {
  return query_log_field_words[field];
}
std::string_view to_string(LoggedNames names) {
  return logged_names_words[names];
}

Config default_config() {
  Config config;
  Upstream upstream;
  upstream.name = "public";
  upstream.servers = {
      {.endpoint = {.address = "1.1.1.1", .port = 853}, .tls_name = "cloudflare-dns.com", .pins = {}},
      {.endpoint = {.address = "9.9.9.9", .port = 853}, .tls_name = "dns.quad9.net", .pins = {}},
  };
  config.upstreams = {upstream};
  config.routes = {{.zone = ".", .upstream = upstream.name, .records = {}}};
  return config;
}

}  // namespace pillion::config
