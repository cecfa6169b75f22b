#include "config/upstream_reader.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <ranges>
#include <system_error>

#include "config/own_address.hpp"
#include "config/read_file.hpp"
#include "config/scalar.hpp"
#include "config/tls_files.hpp"
#include "config/tls_groups.hpp"

namespace pillion::config {
namespace {

constexpr std::size_t max_ca_file_warnings = 20;
constexpr std::string_view only_for_tls = "is only for `protocol: tls`; remove it, or change the protocol";

/// Empty if this process can read the file now; else what is wrong.
std::string check_readable(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return in_quotes(path) + " is a directory";
  const auto start = read_file(path, 0);
  return start ? std::string{} : in_quotes(path) + " cannot be read: " + start.error();
}

std::string check_readable_or_empty(const std::string& path) {
  return path.empty() ? std::string{} : check_readable(path);
}

std::string check_tls_name_or_empty(const std::string& name) {
  return name.empty() ? std::string{} : check_tls_name(name);
}

/// Reads a list of texts. `check` returns what is wrong with a text, or an empty string.
void read_texts(const Section& section, std::string_view name, std::vector<std::string>& texts,
                const std::function<std::string(const std::string&)>& check) {
  const std::string allowed(section.key_of(name).description);
  for (const auto& element : section.elements(name)) {
    const auto text = read_text(element, element.name, allowed, section.faults());
    if (!text) continue;
    if (const auto problem = check(*text); !problem.empty()) {
      section.faults().add(element.mark, element.name, problem, allowed);
    } else {
      texts.push_back(*text);
    }
  }
}

Server read_server(const YamlEntry& entry, bool may_use_tls, const std::vector<Endpoint>& listeners, Faults& faults) {
  Server server;
  const Section section(entry, "upstreams.NAME.servers[]", entry.name, faults);
  section.read("address", server.endpoint, [&](const Endpoint& endpoint) {
    return endpoint.port == 0 ? in_quotes(to_string(endpoint)) + " has port 0" : check_not_own(endpoint, listeners);
  });
  if (entry.value.IsMap()) section.require("address");
  if (may_use_tls) {
    section.read("tls_name", server.tls_name, check_tls_name_or_empty);
    read_texts(section, "pins", server.pins, check_pin);
  } else {
    section.refuse_key("tls_name", only_for_tls);
    section.refuse_key("pins", only_for_tls);
  }
  return server;
}

void read_servers(const Section& upstream_section, bool may_use_tls, const std::vector<Endpoint>& listeners,
                  std::vector<Server>& servers) {
  for (const auto& element : upstream_section.elements("servers")) {
    auto server = read_server(element, may_use_tls, listeners, upstream_section.faults());
    const bool known = !server.endpoint.address.empty() &&
                       std::ranges::find(servers, server.endpoint, &Server::endpoint) != servers.end();
    if (known) {
      upstream_section.faults().add(value_mark(element),
                                    element.name + ": " + in_quotes(to_string(server.endpoint)) +
                                        " is given twice; allowed: each address once for each upstream");
    }
    servers.push_back(std::move(server));
  }
}

/// What may surprise the author of a ca_file, one text for each certificate.
std::vector<std::string> surprises_of(const std::vector<CaCertificate>& certificates) {
  std::vector<std::string> texts;
  for (const auto& certificate : certificates) {
    if (certificate.use == CaUse::anchor_intermediate) {
      texts.push_back("the intermediate CA " + in_quotes(certificate.subject()) +
                      " is a trust anchor, since the file does not have its issuer, " +
                      in_quotes(certificate.issuer()));
    } else if (certificate.use == CaUse::none) {
      texts.push_back("the certificate " + in_quotes(certificate.subject()) +
                      " is not a CA certificate; Pillion does not use it");
    }
  }
  return texts;
}

/// Empty if the file has certificates to verify servers with; else what is wrong.
std::string check_ca_file(const std::string& path, const std::string& shown, std::vector<std::string>& warnings) {
  if (auto problem = check_readable(path); !problem.empty()) return problem;
  const auto certificates = read_ca_file(path);
  if (!certificates) return certificates.error();
  const auto texts = surprises_of(*certificates);
  const auto where = shown + ": " + in_quotes(path) + ": ";
  for (const auto& text : texts | std::views::take(max_ca_file_warnings)) warnings.push_back(where + text);
  if (texts.size() > max_ca_file_warnings)
    warnings.push_back(where + "and " + std::to_string(texts.size() - max_ca_file_warnings) + " more");
  return {};
}

void read_client_certificate(const Section& section, Tls& tls) {
  const auto known = section.faults().size();
  section.read("client_cert", tls.client_cert, check_readable_or_empty);
  section.read("client_key", tls.client_key, check_readable_or_empty);
  const auto is_given = [&](std::string_view name) {
    const auto* const file = section.find(name);
    return file != nullptr && !(file->value.IsScalar() && file->value.Scalar().empty());
  };
  const bool has_cert = is_given("client_cert");
  const bool has_key = is_given("client_key");
  if (has_cert && !has_key) section.refuse_key("client_cert", "is given without client_key; allowed: both or neither");
  if (has_key && !has_cert) section.refuse_key("client_key", "is given without client_cert; allowed: both or neither");
  if (!has_cert || !has_key || section.faults().size() > known) return;
  if (const auto usable = check_client_certificate(tls.client_cert, tls.client_key); !usable)
    section.refuse_value(usable.error().key, usable.error().problem);
}

void read_tls(const Section& upstream_section, Tls& tls, std::vector<std::string>& warnings) {
  const auto* const entry = upstream_section.find("tls");
  if (entry == nullptr) return;
  const Section section(*entry, "upstreams.NAME.tls", upstream_section.shown("tls"), upstream_section.faults());
  section.read("ca_file", tls.ca_file,
               [&](const std::string& path) { return check_ca_file(path, section.shown("ca_file"), warnings); });
  section.read("min_version", tls.min_version);
  read_texts(section, "groups", tls.groups,
             [&tls](const std::string& group) { return check_tls_group(group, tls.groups); });
  read_client_certificate(section, tls);
}

/// Checks the default CA file. `mark` is the position of the upstream that needs it, since the default has none.
void check_default_ca_file(const std::string& name, const YAML::Mark& mark, Faults& faults) {
  const auto problem = check_readable(Tls{}.ca_file);
  if (problem.empty()) return;
  const auto& known = key("upstreams.NAME.tls.ca_file");
  faults.add(mark, "upstreams." + name + ".tls.ca_file", "the default file " + problem, allowed_text(known));
}

Upstream read_upstream(const YamlEntry& entry, const std::vector<Endpoint>& listeners, Faults& faults,
                       std::vector<std::string>& warnings) {
  Upstream upstream;
  upstream.name = entry.name;
  if (const auto problem = check_upstream_name(entry.name); !problem.empty()) {
    faults.add(entry.mark, "upstreams", problem, "1 to 63 letters, digits, `-` and `_`");
  }
  const Section section(entry, "upstreams.NAME", "upstreams." + entry.name, faults);
  section.read("protocol", upstream.protocol);
  section.read("policy", upstream.policy);
  section.read("timeout", upstream.timeout);
  const bool may_use_tls = upstream.protocol == Protocol::tls;
  if (entry.value.IsMap()) section.require("servers");
  read_servers(section, may_use_tls, listeners, upstream.servers);
  if (may_use_tls) {
    section.read("padding", upstream.padding);
    read_tls(section, upstream.tls, warnings);
    const auto* const tls = section.find("tls");
    const bool has_ca_file = tls != nullptr && tls->value.IsMap() && tls->value["ca_file"].IsDefined();
    if (!has_ca_file) check_default_ca_file(upstream.name, entry.mark, faults);
  } else {
    section.refuse_key("padding", only_for_tls);
    section.refuse_key("tls", only_for_tls);
  }
  return upstream;
}

}  // namespace

void read_upstreams(const Section& top, Config& config, std::vector<std::string>& warnings) {
  auto& upstreams = config.upstreams;
  const auto* const entry = top.find("upstreams");
  if (entry == nullptr) {
    for (const auto& upstream : upstreams) {
      check_default_ca_file(upstream.name, YAML::Mark{}, top.faults());
      for (const auto& server : upstream.servers) {
        if (const auto problem = check_not_own(server.endpoint, config.dns.listen); !problem.empty())
          top.refuse_key("dns", problem + "; allowed: another address or port, or other upstreams");
      }
    }
    return;
  }
  constexpr std::string_view allowed = "a mapping of 1 to 16 names to upstreams";
  const auto entries = read_entries(*entry, "upstreams", allowed, top.faults());
  if (entry->value.IsMap() && (entries.empty() || entries.size() > max_upstreams)) {
    top.faults().add(value_mark(*entry),
                     "upstreams: has " + std::to_string(entries.size()) + " names; allowed: " + std::string(allowed));
  }
  upstreams.clear();
  for (const auto& named : entries | std::views::take(max_upstreams))
    upstreams.push_back(read_upstream(named, config.dns.listen, top.faults(), warnings));
}

}  // namespace pillion::config
