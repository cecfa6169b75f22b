#include "config/load.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include "config/dnstap_reader.hpp"
#include "config/files.hpp"
#include "config/query_log_reader.hpp"
#include "config/read_file.hpp"
#include "config/route_reader.hpp"
#include "config/scalar.hpp"
#include "config/search_reader.hpp"
#include "config/section.hpp"
#include "config/syslog_reader.hpp"
#include "config/upstream_reader.hpp"
#include "config/yaml_cost.hpp"

namespace pillion::config {
namespace {

constexpr std::size_t max_file_size = std::size_t{1} << 20U;
/// A running proxy reads the file beside all that it holds, so that this must fit into what `memory: auto` leaves of a
/// control group of 64 MiB.
constexpr std::size_t max_memory_to_read = std::size_t{16} << 20U;
constexpr std::size_t longest_message = 200;  // of yaml-cpp; it may quote any byte of the file

/// Adds an address to listen on, unless `problem_of` returns a problem.
template <typename ProblemOf>
void add_listener(const Section& section, const YamlEntry& element, std::vector<Endpoint>& listeners,
                  ProblemOf problem_of) {
  const std::string allowed(section.key_of("listen").description);
  const auto refuse = [&](const std::string& problem) {
    section.faults().add(value_mark(element), element.name, problem, allowed);
  };
  const auto text = read_text(element, element.name, allowed, section.faults());
  if (!text) return;
  const auto endpoint = parse_endpoint(*text);
  if (!endpoint) return refuse(endpoint.error());
  // The kernel chooses another port for each listener with port 0.
  if (endpoint->port != 0 && std::ranges::find(listeners, *endpoint) != listeners.end()) {
    return refuse(in_quotes(*text) + " is given twice");
  }
  if (const auto problem = problem_of(*endpoint); !problem.empty()) return refuse(in_quotes(*text) + problem);
  listeners.push_back(*endpoint);
}

void read_dns(const Section& top, Dns& dns) {
  const auto* const entry = top.find("dns");
  if (entry == nullptr) return;
  const Section section(*entry, "dns", "dns", top.faults());
  if (const auto* const listen = section.find("listen")) {
    const auto no_problem = [](const Endpoint&) { return std::string{}; };
    dns.listen.clear();
    if (listen->value.IsScalar()) {
      add_listener(section, {.name = "dns.listen", .mark = listen->mark, .value = listen->value}, dns.listen,
                   no_problem);
    } else {
      for (const auto& element : section.elements("listen")) add_listener(section, element, dns.listen, no_problem);
    }
  }
  section.read("idle_timeout", dns.idle_timeout);
  section.read("max_connections", dns.max_connections);
  section.read("max_connections_per_client", dns.max_connections_per_client);
  section.read("max_in_flight_per_connection", dns.max_in_flight_per_connection);
  section.read("udp_payload", dns.udp_payload);
  section.read("reject_non_utf8_names", dns.reject_non_utf8_names);
}

void read_cache(const Section& top, Cache& cache) {
  const auto* const entry = top.find("cache");
  if (entry == nullptr) return;
  const Section section(*entry, "cache", "cache", top.faults());
  section.read_size("size", cache.size);
  section.read("min_ttl", cache.min_ttl);
  section.read("max_ttl", cache.max_ttl);
  section.read("max_negative_ttl", cache.max_negative_ttl);
  section.read("serve_stale", cache.serve_stale);
  section.read("failure_ttl", cache.failure_ttl);
  section.read("nxdomain_cut", cache.nxdomain_cut);
  section.read("prefetch", cache.prefetch);
  section.read("rotate", cache.rotate);
  if (cache.min_ttl <= cache.max_ttl) return;
  // If only one of the two keys is given, the default of the other does not allow its value.
  const std::string_view name = section.find("min_ttl") != nullptr ? "min_ttl" : "max_ttl";
  section.refuse_key(name, "min_ttl is " + format_duration(cache.min_ttl) + " and max_ttl is " +
                               format_duration(cache.max_ttl) + "; allowed: a min_ttl of at most max_ttl");
}

void read_clients(const Section& top, Clients& clients) {
  const auto* const entry = top.find("clients");
  if (entry == nullptr) return;
  const Section section(*entry, "clients", "clients", top.faults());
  section.read("ban_after", clients.ban_after);
  section.read("ban_for", clients.ban_for);
  section.read("ipv6_prefix", clients.ipv6_prefix);
}

void read_reload(const Section& top, Reload& reload) {
  const auto* const entry = top.find("reload");
  if (entry == nullptr) return;
  const Section section(*entry, "reload", "reload", top.faults());
  section.read("watch", reload.watch);
  section.read("verify", reload.verify);
}

void read_drain(const Section& top, Config& config) {
  top.read("drain_timeout", config.drain_timeout);
  top.read("drain_quiet", config.drain_quiet);
  top.read("drain_min", config.drain_min);
  if (config.drain_min <= config.drain_timeout) return;
  // If only one of the two keys is given, the default of the other does not allow its value.
  const std::string_view name = top.find("drain_min") != nullptr ? "drain_min" : "drain_timeout";
  top.refuse_key(name, "drain_min is " + format_duration(config.drain_min) + " and drain_timeout is " +
                           format_duration(config.drain_timeout) + "; allowed: a drain_min of at most drain_timeout");
}

/// Reads the `listen` of an HTTP server: one address, one of each family, or "". `taken` returns which listener
/// already has an address; empty if none has.
void read_http_listen(const Section& section, const std::string& path, std::vector<Endpoint>& addresses,
                      const std::function<std::string(const Endpoint&)>& taken) {
  const auto* const listen = section.find("listen");
  if (listen == nullptr) return;
  const auto problem_of = [&](const Endpoint& endpoint) -> std::string {
    if (auto problem = endpoint.port == 0 ? std::string{} : taken(endpoint); !problem.empty()) return problem;
    const bool is_second =
        std::ranges::any_of(addresses, [&](const Endpoint& other) { return is_ipv6(other) == is_ipv6(endpoint); });
    return is_second ? " is a second address of the same family" : "";
  };
  addresses.clear();
  const YamlEntry alone{.name = path, .mark = listen->mark, .value = listen->value};
  if (!listen->value.IsSequence()) {
    if (!listen->value.IsScalar() || !listen->value.Scalar().empty())
      add_listener(section, alone, addresses, problem_of);
    return;
  }
  for (const auto& element : section.elements("listen")) add_listener(section, element, addresses, problem_of);
}

bool has_address(const std::vector<Endpoint>& addresses, const Endpoint& endpoint) {
  return std::ranges::find(addresses, endpoint) != addresses.end();
}

void read_http(const Section& top, const Dns& dns, Http& http) {
  const auto* const entry = top.find("http");
  if (entry == nullptr) return;
  const Section section(*entry, "http", "http", top.faults());
  read_http_listen(section, "http.listen", http.listen, [&](const Endpoint& endpoint) -> std::string {
    return has_address(dns.listen, endpoint) ? " is in dns.listen too" : "";
  });
}

void read_admin(const Section& top, const Dns& dns, const Http& http, Admin& admin) {
  const auto* const entry = top.find("admin");
  if (entry == nullptr) return;
  const Section section(*entry, "admin", "admin", top.faults());
  read_http_listen(section, "admin.listen", admin.listen, [&](const Endpoint& endpoint) -> std::string {
    if (has_address(dns.listen, endpoint)) return " is in dns.listen too";
    return has_address(http.listen, endpoint) ? " is in http.listen too" : "";
  });
  section.read("read_only", admin.read_only);
  section.read("recent", admin.recent);
}

void read_log(const Section& top, LogSettings& log) {
  const auto* const entry = top.find("log");
  if (entry == nullptr) return;
  const Section section(*entry, "log", "log", top.faults());
  section.read("level", log.level);
  section.read("format", log.format);
  section.read("fields", log.fields);
}

/// The document's root; an empty mapping, and a fault, if the text is not one YAML document or has no value. An empty
/// file is a fault because it is more often a file that was not written than a request for the defaults.
YAML::Node parse_document(std::string_view yaml, Faults& faults) {
  try {
    const auto documents = YAML::LoadAll(std::string(yaml));
    if (documents.size() > 1) faults.add(documents[1].Mark(), "a second YAML document starts here; allowed: only one");
    if (!documents.empty() && !documents.front().IsNull()) return documents.front();
    if (documents.size() <= 1)
      faults.add({}, "the file is empty; allowed: a mapping with " + allowed_names("") +
                         ", or {} or no file at all for the defaults");
  } catch (const YAML::DeepRecursion& error) {
    faults.add(error.mark, "the YAML is nested too deeply; allowed: lists and mappings nested as in the reference");
  } catch (const YAML::Exception& error) {
    faults.add(error.mark, "not YAML: " + one_line(error.msg, longest_message) + "; allowed: one YAML document");
  }
  return YAML::Node(YAML::NodeType::Map);
}

/// `files` are the files that were read to get the text.
Loaded parse(std::string_view yaml, std::string_view file, std::vector<std::filesystem::path> files) {
  Faults faults;
  Loaded loaded{.config = default_config(), .warnings = {}, .files = std::move(files), .read_at = file_time_now()};
  auto& config = loaded.config;
  if (yaml.size() > max_file_size) {
    faults.add({}, "has " + std::to_string(yaml.size()) + " bytes; allowed: at most 1 MiB");
    throw ConfigError(faults.text(file), loaded.files);
  }
  if (const auto cost = yaml_cost(yaml); cost > max_memory_to_read) {
    faults.add({}, "would take up to " + std::to_string((cost + (1U << 20U) - 1) >> 20U) +
                       " MiB of memory to read; allowed: 16 MiB, which is enough for 15,000 values or records");
    throw ConfigError(faults.text(file), loaded.files);
  }
  const auto root = parse_document(yaml, faults);
  if (faults.empty()) {
    std::ranges::copy(files_of(root), std::back_inserter(loaded.files));
    const Section top({.name = "", .mark = root.Mark(), .value = root}, "", "", faults);
    read_dns(top, config.dns);
    read_upstreams(top, config, loaded.warnings);
    read_routes(top, config);
    read_cache(top, config.cache);
    read_search(top, config.search, loaded.warnings);
    read_clients(top, config.clients);
    read_reload(top, config.reload);
    read_http(top, config.dns, config.http);
    read_admin(top, config.dns, config.http, config.admin);
    read_log(top, config.log);
    read_syslog(top, config.syslog);
    read_query_log(top, config.syslog, config.query_log);
    read_dnstap(top, config.dnstap);
    top.read_size("memory", config.memory);
    top.read("threads", config.threads);
    read_drain(top, config);
  }
  if (!faults.empty()) throw ConfigError(faults.text(file), loaded.files);
  return loaded;
}

}  // namespace

Loaded parse_config(std::string_view yaml, std::string_view file) {
  return parse(yaml, file, {});
}

Loaded load_config(const std::filesystem::path& file) {
  const auto cannot_be_read = [&](const std::string& reason) {
    Faults faults;
    faults.add({}, "cannot be read: " + reason + "; allowed: a readable file of at most 1 MiB");
    return ConfigError(faults.text(file.string()), {file});
  };
  const auto read_at = file_time_now();
  const auto text = read_file(file, max_file_size);
  if (!text) throw cannot_be_read(text.error());
  auto loaded = parse(*text, file.string(), {file});
  loaded.read_at = read_at;
  loaded.own_fingerprint = fingerprint_of_text(*text);
  return loaded;
}

}  // namespace pillion::config
