#include "config/config.hpp"

#include "config/keys.hpp"

namespace pillion::config {
namespace {

/// The words are in the order of the enumerators, since Section::choice() gives the place of a word.
template <typename Words, typename Enum>
std::string_view word_of(const Words& words, Enum enumerator) {
  return words.at(static_cast<std::size_t>(enumerator));
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  return (is_ipv6(endpoint) ? "[" + endpoint.address + "]" : endpoint.address) + ":" + std::to_string(endpoint.port);
}

std::string_view to_string(Protocol protocol) {
  return word_of(protocol_words, protocol);
}
std::string_view to_string(PolicyKind policy) {
  return word_of(policy_words, policy);
}
std::string_view to_string(TlsVersion version) {
  return word_of(tls_version_words, version);
}
std::string_view to_string(LogThreshold level) {
  return word_of(log_level_words, level);
}
std::string_view to_string(LogFormat format) {
  return word_of(log_format_words, format);
}
std::string_view to_string(LogNames names) {
  return log_names_words.at(static_cast<std::size_t>(names));
}
std::string_view to_string(QueryLogField field) {
  return query_log_field_words.at(static_cast<std::size_t>(field));
}
std::string_view to_string(LoggedNames names) {
  return logged_names_words.at(static_cast<std::size_t>(names));
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
