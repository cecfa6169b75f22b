#include "config/keys.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <vector>

#include "config/scalar.hpp"

namespace pillion::config {
namespace {

constexpr std::string_view address_and_port = R"(a literal address and port, such as "127.0.0.1:8053" or "[::1]:8053")";
constexpr std::string_view readable_pem = "the path of a readable PEM file";
constexpr std::string_view no_admin = "the status page is not built yet";
constexpr std::int64_t second = 1'000, minute = 60 * second, hour = 60 * minute, month = 720 * hour;

constexpr std::array table{
    Key{.path = "dns", .kind = Kind::mapping},
    Key{.path = "dns.listen",
        .kind = Kind::list,
        .default_text = R"(["127.0.0.1:8053"])",
        .description = address_and_port,
        .min = 1,
        .max = 16},
    Key{.path = "dns.idle_timeout", .kind = Kind::duration, .default_text = "60s", .min = second, .max = hour},
    Key{.path = "dns.max_connections", .kind = Kind::integer, .default_text = "4096", .min = 1, .max = 1'000'000},
    Key{.path = "dns.max_connections_per_client",
        .kind = Kind::integer,
        .default_text = "1024",
        .min = 1,
        .max = 1'000'000},
    Key{.path = "dns.max_in_flight_per_connection",
        .kind = Kind::integer,
        .default_text = "1000",
        .min = 1,
        .max = 65'535},
    Key{.path = "dns.udp_payload", .kind = Kind::integer, .default_text = "1232", .min = 512, .max = 4096},
    Key{.path = "dns.reject_non_utf8_names", .kind = Kind::boolean, .default_text = "true"},

    Key{.path = "upstreams", .kind = Kind::mapping},
    Key{.path = "upstreams.NAME", .kind = Kind::mapping},
    Key{.path = "upstreams.NAME.protocol", .kind = Kind::choice, .default_text = "tls", .choices = protocol_words},
    Key{.path = "upstreams.NAME.policy", .kind = Kind::choice, .default_text = "fastest", .choices = policy_words},
    Key{.path = "upstreams.NAME.timeout",
        .kind = Kind::duration,
        .default_text = "4s",
        .min = second / 10,
        .max = 30 * second},
    Key{.path = "upstreams.NAME.servers",
        .kind = Kind::list,
        .description = R"(a mapping such as {address: "9.9.9.9:853", tls_name: dns.quad9.net})",
        .min = 1,
        .max = 16},
    Key{.path = "upstreams.NAME.servers[].address", .description = address_and_port},
    Key{.path = "upstreams.NAME.servers[].tls_name",
        .default_text = R"("")",
        .description = R"(a host name such as dns.quad9.net, or "" to verify the certificate's IP address)"},
    Key{.path = "upstreams.NAME.servers[].pins",
        .kind = Kind::list,
        .default_text = "[]",
        .description = R"("sha256/" and the base64 of the 32 bytes of a public key's digest)",
        .min = 0,
        .max = 16},
    Key{.path = "upstreams.NAME.tls", .kind = Kind::mapping},
    Key{.path = "upstreams.NAME.tls.ca_file",
        .default_text = "/etc/ssl/certs/ca-certificates.crt",
        .description = readable_pem},
    Key{.path = "upstreams.NAME.tls.min_version",
        .kind = Kind::choice,
        .default_text = R"("1.2")",
        .choices = tls_version_words},
    Key{.path = "upstreams.NAME.tls.groups",
        .kind = Kind::list,
        .default_text = "[]",
        .description = "the name of a key-exchange group that the OpenSSL in use has, such as X25519 or P-256",
        .min = 0,
        .max = 8},
    Key{.path = "upstreams.NAME.tls.client_cert",
        .default_text = R"("")",
        .description = "the path of a readable PEM file, together with client_key"},
    Key{.path = "upstreams.NAME.tls.client_key",
        .default_text = R"("")",
        .description = "the path of a readable PEM file, together with client_cert"},
    Key{.path = "upstreams.NAME.padding", .kind = Kind::integer, .default_text = "128", .min = 0, .max = 512},

    Key{.path = "routes",
        .kind = Kind::list,
        .default_text = R"([{zone: ".", upstream: public}])",
        .description = R"(a mapping such as {zone: cluster.local, upstream: cluster})",
        .min = 1,
        .max = 256},
    Key{.path = "routes[].zone", .description = R"(a domain name such as cluster.local, or "." for all other names)"},
    Key{.path = "routes[].upstream",
        .description = "the name of one of the upstreams, or else records",
        .optional = true},
    Key{.path = "routes[].records",
        .kind = Kind::list,
        .description = R"(a line of a zone file such as "www 300 IN A 192.0.2.1", or else upstream)",
        .min = 1,
        .max = 10'000,
        .optional = true},

    Key{.path = "cache", .kind = Kind::mapping},
    Key{.path = "cache.size", .kind = Kind::size, .default_text = "4MiB", .min = 64LL << 10, .max = 16LL << 30},
    Key{.path = "cache.min_ttl", .kind = Kind::seconds, .default_text = "0s", .min = 0, .max = month},
    Key{.path = "cache.max_ttl", .kind = Kind::seconds, .default_text = "1h", .min = second, .max = month},
    Key{.path = "cache.max_negative_ttl", .kind = Kind::seconds, .default_text = "5m", .min = 0, .max = month},
    Key{.path = "cache.serve_stale", .kind = Kind::seconds, .default_text = "1h", .min = 0, .max = month},
    Key{.path = "cache.failure_ttl", .kind = Kind::seconds, .default_text = "5s", .min = second, .max = 5 * minute},
    Key{.path = "cache.nxdomain_cut", .kind = Kind::boolean, .default_text = "true"},
    Key{.path = "cache.prefetch", .kind = Kind::boolean, .default_text = "true"},
    Key{.path = "cache.rotate", .kind = Kind::boolean, .default_text = "true"},

    Key{.path = "search", .kind = Kind::mapping, .may_be_false = true},
    Key{.path = "search.domains",
        .kind = Kind::list,
        .default_text = "[]",
        .description = "a domain name such as default.svc.cluster.local",
        .min = 0,
        .max = 32},
    Key{.path = "search.ndots", .kind = Kind::integer, .default_text = "5", .min = 0, .max = 15},
    Key{.path = "search.resolv_conf",
        .description = "the path of a readable file as resolv.conf(5) says, instead of domains and ndots",
        .optional = true},

    Key{.path = "http", .kind = Kind::mapping},
    Key{.path = "http.listen",
        .default_text = R"("0.0.0.0:9153")",
        .description = R"(one literal address and port, such as "0.0.0.0:9153", or "" for no HTTP server)"},

    Key{.path = "admin", .kind = Kind::unbuilt, .description = no_admin},

    Key{.path = "log", .kind = Kind::mapping},
    Key{.path = "log.level", .kind = Kind::choice, .default_text = "info", .choices = log_level_words},
    Key{.path = "log.format", .kind = Kind::choice, .default_text = "json", .choices = log_format_words},

    Key{.path = "threads", .kind = Kind::integer, .default_text = "1", .min = 1, .max = 256},
    Key{.path = "drain_timeout", .kind = Kind::duration, .default_text = "25s", .min = 0, .max = hour},
};

/// The last word of `path` where `mapping` is all that stands before it; empty otherwise.
std::string_view name_in(std::string_view mapping, std::string_view path) {
  if (!mapping.empty()) {
    if (!path.starts_with(mapping) || path.size() <= mapping.size() || path[mapping.size()] != '.') return {};
    path.remove_prefix(mapping.size() + 1);
  }
  return path.find_first_of(".[") == std::string_view::npos ? path : std::string_view{};
}

std::vector<std::string_view> names_in(std::string_view mapping, bool with_unbuilt) {
  std::vector<std::string_view> names;
  for (const auto& entry : table) {
    const auto name = name_in(mapping, entry.path);
    if (!name.empty() && (with_unbuilt || entry.kind != Kind::unbuilt)) names.push_back(name);
  }
  return names;
}

/// How many characters must be inserted, removed, replaced or exchanged with their neighbour to make `b` of `a`
/// (the optimal string alignment distance).
std::size_t distance(std::string_view a, std::string_view b) {
  const auto width = b.size() + 1;
  std::vector<std::size_t> steps((a.size() + 1) * width);
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      auto& here = steps[i * width + j];
      here = std::max(i, j);
      if (i == 0 || j == 0) continue;
      const auto replaced = steps[(i - 1) * width + j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
      here = std::min({steps[(i - 1) * width + j] + 1, steps[i * width + j - 1] + 1, replaced});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) here = std::min(here, steps[(i - 2) * width + j - 2] + 1);
    }
  }
  return steps.back();
}

/// "a", "a or b", "a, b or c".
template <typename Words>
std::string join(const Words& words, std::string_view last_separator) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? last_separator : std::string_view{", "};
    text += words[i];
  }
  return text;
}

}  // namespace

std::span<const Key> keys() {
  return table;
}

const Key& key(std::string_view path) {
  const auto found = std::ranges::find(table, path, &Key::path);
  assert(found != table.end());
  return *found;
}

std::string allowed_names(std::string_view path) {
  return join(names_in(path, false), ", ");
}

std::string_view nearest_name(std::string_view path, std::string_view name) {
  constexpr std::size_t longest_name = 64;  // longer ones are near to nothing, and the comparison is quadratic
  if (name.size() > longest_name) return {};
  std::string_view nearest;
  auto limit = std::max<std::size_t>(1, name.size() / 3);
  for (const auto candidate : names_in(path, false)) {
    const auto steps = distance(name, candidate);
    if (steps > limit || (steps == limit && !nearest.empty())) continue;
    nearest = candidate;
    limit = steps;
  }
  return nearest;
}

bool has_key(std::string_view path, std::string_view name) {
  return std::ranges::any_of(table,
                             [&](const Key& entry) { return !name.empty() && name_in(path, entry.path) == name; });
}

std::string allowed_text(const Key& key) {
  using std::chrono::milliseconds;
  switch (key.kind) {
    case Kind::mapping:
      return (key.may_be_false ? "false, or a mapping with " : "a mapping with ") + allowed_names(key.path);
    case Kind::list:
      if (key.min == key.max) return std::to_string(key.min) + " of: " + std::string(key.description);
      return std::to_string(key.min) + " to " + std::to_string(key.max) + " of: " + std::string(key.description);
    case Kind::duration:
      return format_duration(milliseconds(key.min)) + " to " + format_duration(milliseconds(key.max));
    case Kind::seconds:
      return format_duration(milliseconds(key.min)) + " to " + format_duration(milliseconds(key.max)) +
             ", whole seconds";
    case Kind::size:
      return "0, or " + format_size(static_cast<std::uint64_t>(key.min)) + " to " +
             format_size(static_cast<std::uint64_t>(key.max));
    case Kind::integer:
      return std::to_string(key.min) + " to " + std::to_string(key.max);
    case Kind::boolean:
      return "true or false";
    case Kind::choice:
      return join(key.choices, " or ");
    case Kind::text:
      break;
    case Kind::unbuilt:
      return "nothing: " + std::string(key.description);
  }
  return std::string(key.description);
}

}  // namespace pillion::config
