#include <yaml-cpp/yaml.h>

#include "config/load.hpp"
#include "config/scalar.hpp"

namespace pillion::config {
namespace {

/// Text that the emitter must quote. By itself the emitter quotes only what yaml-cpp would misread, and other YAML
/// readers may read more texts as something else.
struct Quoted {
  std::string text;
};
YAML::Emitter& operator<<(YAML::Emitter& out, const Quoted& quoted) {
  return out << YAML::DoubleQuoted << quoted.text;
}

YAML::Emitter& operator<<(YAML::Emitter& out, const Endpoint& endpoint) {
  return out << Quoted{to_string(endpoint)};
}

template <typename Value>
  requires(!std::is_enum_v<Value>)
void pair(YAML::Emitter& out, const char* name, const Value& value) {
  out << YAML::Key << name << YAML::Value << value;
}
template <typename Enum>
  requires std::is_enum_v<Enum>
void pair(YAML::Emitter& out, const char* name, Enum value) {
  out << YAML::Key << name << YAML::Value << std::string(to_string(value));
}
void pair(YAML::Emitter& out, const char* name, std::chrono::milliseconds value) {
  out << YAML::Key << name << YAML::Value << format_duration(value);
}

void emit_listen(YAML::Emitter& out, const std::vector<Endpoint>& listeners) {
  out << YAML::Key << "listen" << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const auto& endpoint : listeners) out << endpoint;
  out << YAML::EndSeq;
}

/// `listeners` has at most one address of each family.
void emit_http_listen(YAML::Emitter& out, const std::vector<Endpoint>& listeners) {
  if (listeners.size() > 1) return emit_listen(out, listeners);
  pair(out, "listen", Quoted{listeners.empty() ? "" : to_string(listeners.front())});
}

void emit_dns(YAML::Emitter& out, const Dns& dns) {
  out << YAML::Key << "dns" << YAML::Value << YAML::BeginMap;
  emit_listen(out, dns.listen);
  pair(out, "idle_timeout", dns.idle_timeout);
  pair(out, "max_connections", dns.max_connections);
  pair(out, "max_connections_per_client", dns.max_connections_per_client);
  pair(out, "max_in_flight_per_connection", dns.max_in_flight_per_connection);
  pair(out, "udp_payload", dns.udp_payload);
  pair(out, "reject_non_utf8_names", dns.reject_non_utf8_names);
  out << YAML::EndMap;
}

void emit_server(YAML::Emitter& out, const Server& server, bool uses_tls) {
  out << YAML::Flow << YAML::BeginMap;
  pair(out, "address", server.endpoint);
  if (uses_tls) {
    pair(out, "tls_name", server.tls_name);
    out << YAML::Key << "pins" << YAML::Value << YAML::BeginSeq;
    for (const auto& pin : server.pins) out << Quoted{pin};
    out << YAML::EndSeq;
  }
  out << YAML::EndMap;
}

void emit_upstream(YAML::Emitter& out, const Upstream& upstream, bool redact) {
  const bool uses_tls = upstream.protocol == Protocol::tls;
  out << YAML::Key << upstream.name << YAML::Value << YAML::BeginMap;
  pair(out, "protocol", upstream.protocol);
  pair(out, "policy", upstream.policy);
  pair(out, "timeout", upstream.timeout);
  out << YAML::Key << "servers" << YAML::Value << YAML::BeginSeq;
  for (const auto& server : upstream.servers) emit_server(out, server, uses_tls);
  out << YAML::EndSeq;
  if (uses_tls) {
    const auto& tls = upstream.tls;
    out << YAML::Key << "tls" << YAML::Value << YAML::Flow << YAML::BeginMap;
    pair(out, "ca_file", tls.ca_file);
    pair(out, "min_version", Quoted{std::string(to_string(tls.min_version))});
    out << YAML::Key << "groups" << YAML::Value << tls.groups;
    pair(out, "client_cert", tls.client_cert);
    pair(out, "client_key", redact && !tls.client_key.empty() ? std::string("<redacted>") : tls.client_key);
    out << YAML::EndMap;
    pair(out, "padding", upstream.padding);
  }
  out << YAML::EndMap;
}

void emit_upstreams(YAML::Emitter& out, const std::vector<Upstream>& upstreams, bool redact) {
  out << YAML::Key << "upstreams" << YAML::Value << YAML::BeginMap;
  for (const auto& upstream : upstreams) emit_upstream(out, upstream, redact);
  out << YAML::EndMap;
}

void emit_routes(YAML::Emitter& out, const std::vector<Route>& routes) {
  out << YAML::Key << "routes" << YAML::Value << YAML::BeginSeq;
  for (const auto& route : routes) {
    if (route.records.empty()) out << YAML::Flow;
    out << YAML::BeginMap;
    if (route.network.empty()) {
      pair(out, "zone", Quoted{route.zone});
    } else {
      pair(out, "network", Quoted{route.network});
    }
    if (route.records.empty()) {
      pair(out, "upstream", route.upstream);
    } else {
      out << YAML::Key << "records" << YAML::Value << YAML::BeginSeq;
      for (const auto& record : route.records) out << Quoted{record};
      out << YAML::EndSeq;
    }
    out << YAML::EndMap;
  }
  out << YAML::EndSeq;
}

void emit_cache(YAML::Emitter& out, const Cache& cache) {
  out << YAML::Key << "cache" << YAML::Value << YAML::BeginMap;
  pair(out, "size", format_size(cache.size));
  pair(out, "min_ttl", cache.min_ttl);
  pair(out, "max_ttl", cache.max_ttl);
  pair(out, "max_negative_ttl", cache.max_negative_ttl);
  pair(out, "serve_stale", cache.serve_stale);
  pair(out, "failure_ttl", cache.failure_ttl);
  pair(out, "nxdomain_cut", cache.nxdomain_cut);
  pair(out, "prefetch", cache.prefetch);
  pair(out, "rotate", cache.rotate);
  out << YAML::EndMap;
}

void emit_search(YAML::Emitter& out, const Search& search) {
  if (search.domains.empty()) {
    pair(out, "search", false);
    return;
  }
  out << YAML::Key << "search" << YAML::Value << YAML::Flow << YAML::BeginMap;
  out << YAML::Key << "domains" << YAML::Value << YAML::BeginSeq;
  for (const auto& domain : search.domains) out << Quoted{domain};
  out << YAML::EndSeq;
  pair(out, "ndots", search.ndots);
  out << YAML::EndMap;
}

void emit_query_log(YAML::Emitter& out, const QueryLogSettings& settings, bool redact) {
  out << YAML::Key << "query_log" << YAML::Value << YAML::Flow << YAML::BeginMap;
  pair(out, "output", Quoted{settings.output});
  out << YAML::Key << "fields" << YAML::Value << YAML::BeginSeq;
  for (const auto field : settings.fields) out << std::string(to_string(field));
  out << YAML::EndSeq;
  pair(out, "sample", format_fraction(settings.sample));
  pair(out, "names", settings.names);
  pair(out, "key_file", redact && !settings.key_file.empty() ? std::string("<redacted>") : settings.key_file);
  out << YAML::EndMap;
}

}  // namespace

std::string to_yaml(const Config& config, bool redact) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  emit_dns(out, config.dns);
  emit_upstreams(out, config.upstreams, redact);
  emit_routes(out, config.routes);
  emit_cache(out, config.cache);
  emit_search(out, config.search);
  out << YAML::Key << "clients" << YAML::Value << YAML::Flow << YAML::BeginMap;
  pair(out, "ban_after", config.clients.ban_after);
  pair(out, "ban_for", config.clients.ban_for);
  pair(out, "ipv6_prefix", config.clients.ipv6_prefix);
  out << YAML::EndMap;
  out << YAML::Key << "reload" << YAML::Value << YAML::Flow << YAML::BeginMap;
  pair(out, "watch", config.reload.watch);
  pair(out, "verify", config.reload.verify);
  out << YAML::EndMap;
  out << YAML::Key << "http" << YAML::Value << YAML::Flow << YAML::BeginMap;
  emit_http_listen(out, config.http.listen);
  out << YAML::EndMap;
  out << YAML::Key << "admin" << YAML::Value << YAML::Flow << YAML::BeginMap;
  emit_http_listen(out, config.admin.listen);
  pair(out, "read_only", config.admin.read_only);
  pair(out, "recent", config.admin.recent);
  out << YAML::EndMap;
  out << YAML::Key << "log" << YAML::Value << YAML::Flow << YAML::BeginMap;
  pair(out, "level", config.log.level);
  pair(out, "format", config.log.format);
  pair(out, "fields", config.log.fields);
  out << YAML::EndMap;
  out << YAML::Key << "syslog" << YAML::Value << YAML::Flow << YAML::BeginMap;
  pair(out, "output", Quoted{config.syslog.output});
  pair(out, "ca_file", config.syslog.ca_file);
  out << YAML::EndMap;
  emit_query_log(out, config.query_log, redact);
  out << YAML::Key << "dnstap" << YAML::Value << YAML::Flow << YAML::BeginMap;
  pair(out, "output", Quoted{config.dnstap.output});
  pair(out, "client", config.dnstap.client);
  pair(out, "forwarder", config.dnstap.forwarder);
  pair(out, "identity", Quoted{config.dnstap.identity});
  out << YAML::EndMap;
  pair(out, "memory", config.memory == 0 ? "auto" : format_size(config.memory));
  pair(out, "threads", config.threads);
  pair(out, "drain_timeout", config.drain_timeout);
  pair(out, "drain_quiet", config.drain_quiet);
  pair(out, "drain_min", config.drain_min);
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

std::string upstreams_to_yaml(const std::vector<Upstream>& upstreams, const std::vector<Route>& routes) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  emit_upstreams(out, upstreams, false);
  emit_routes(out, routes);
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

}  // namespace pillion::config
