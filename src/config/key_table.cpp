// The rows of keys(): the path, the kind, the default and the range of each key.

#include <array>

#include "config/keys.hpp"

namespace pillion::config {
namespace {

constexpr std::string_view address_and_port = R"(a literal address and port, such as "127.0.0.1:8053" or "[::1]:8053")";
constexpr std::string_view readable_pem = "the path of a readable PEM file";
constexpr std::int64_t second = 1'000, minute = 60 * second, hour = 60 * minute, month = 720 * hour;

constexpr std::array table{
    KeySpec{.path = "dns", .kind = KeyKind::mapping},
    KeySpec{.path = "dns.listen",
            .kind = KeyKind::list,
            .default_text = R"(["127.0.0.1:8053"])",
            .description = address_and_port,
            .min = 1,
            .max = 16},
    KeySpec{.path = "dns.idle_timeout", .kind = KeyKind::duration, .default_text = "60s", .min = second, .max = hour},
    KeySpec{
        .path = "dns.max_connections", .kind = KeyKind::integer, .default_text = "4096", .min = 1, .max = 1'000'000},
    KeySpec{.path = "dns.max_connections_per_client",
            .kind = KeyKind::integer,
            .default_text = "1024",
            .min = 1,
            .max = 1'000'000},
    KeySpec{.path = "dns.max_in_flight_per_connection",
            .kind = KeyKind::integer,
            .default_text = "1000",
            .min = 1,
            .max = 65'535},
    KeySpec{.path = "dns.udp_payload", .kind = KeyKind::integer, .default_text = "1232", .min = 512, .max = 4096},
    KeySpec{.path = "dns.reject_non_utf8_names", .kind = KeyKind::boolean, .default_text = "true"},

    KeySpec{.path = "upstreams", .kind = KeyKind::mapping},
    KeySpec{.path = "upstreams.NAME", .kind = KeyKind::mapping},
    KeySpec{
        .path = "upstreams.NAME.protocol", .kind = KeyKind::choice, .default_text = "tls", .choices = protocol_words},
    KeySpec{
        .path = "upstreams.NAME.policy", .kind = KeyKind::choice, .default_text = "fastest", .choices = policy_words},
    KeySpec{.path = "upstreams.NAME.timeout",
            .kind = KeyKind::duration,
            .default_text = "4s",
            .min = second / 10,
            .max = 30 * second},
    KeySpec{.path = "upstreams.NAME.servers",
            .kind = KeyKind::list,
            .description = R"(a mapping such as {address: "9.9.9.9:853", tls_name: dns.quad9.net})",
            .min = 1,
            .max = 16},
    KeySpec{.path = "upstreams.NAME.servers[].address", .description = address_and_port},
    KeySpec{.path = "upstreams.NAME.servers[].tls_name",
            .default_text = R"("")",
            .description = R"(a host name such as dns.quad9.net, or "" to verify the certificate's IP address)"},
    KeySpec{.path = "upstreams.NAME.servers[].pins",
            .kind = KeyKind::list,
            .default_text = "[]",
            .description = R"("sha256/" and the base64 of the 32 bytes of a public key's digest)",
            .min = 0,
            .max = 16},
    KeySpec{.path = "upstreams.NAME.tls", .kind = KeyKind::mapping},
    KeySpec{.path = "upstreams.NAME.tls.ca_file",
            .default_text = "/etc/ssl/certs/ca-certificates.crt",
            .description = readable_pem},
    KeySpec{.path = "upstreams.NAME.tls.min_version",
            .kind = KeyKind::choice,
            .default_text = R"("1.2")",
            .choices = tls_version_words},
    KeySpec{.path = "upstreams.NAME.tls.groups",
            .kind = KeyKind::list,
            .default_text = "[]",
            .description = "the name of a key-exchange group that the OpenSSL in use has, such as X25519 or P-256",
            .min = 0,
            .max = 8},
    KeySpec{.path = "upstreams.NAME.tls.client_cert",
            .default_text = R"("")",
            .description = "the path of a readable PEM file, together with client_key"},
    KeySpec{.path = "upstreams.NAME.tls.client_key",
            .default_text = R"("")",
            .description = "the path of a readable PEM file, together with client_cert"},
    KeySpec{.path = "upstreams.NAME.padding", .kind = KeyKind::integer, .default_text = "128", .min = 0, .max = 512},

    KeySpec{.path = "routes",
            .kind = KeyKind::list,
            .default_text = R"([{zone: ".", upstream: public}])",
            .description = R"(a mapping such as {zone: cluster.local, upstream: cluster})",
            .min = 1,
            .max = 256},
    KeySpec{.path = "routes[].zone",
            .description = R"(a domain name such as cluster.local, or "." for all other names, or else network)",
            .optional = true},
    KeySpec{.path = "routes[].network",
            .description = "an IPv4 or IPv6 network such as 10.0.0.0/8 or fc00::/7, or else zone",
            .optional = true},
    KeySpec{.path = "routes[].upstream",
            .description = "the name of one of the upstreams, or else records",
            .optional = true},
    KeySpec{.path = "routes[].records",
            .kind = KeyKind::list,
            .description = R"(a line of a zone file such as "www 300 IN A 192.0.2.1", or else upstream)",
            .min = 1,
            .max = 10'000,
            .optional = true},

    KeySpec{.path = "cache", .kind = KeyKind::mapping},
    KeySpec{.path = "cache.size", .kind = KeyKind::size, .default_text = "4MiB", .min = 64LL << 10, .max = 16LL << 30},
    KeySpec{.path = "cache.min_ttl", .kind = KeyKind::seconds, .default_text = "0s", .min = 0, .max = month},
    KeySpec{.path = "cache.max_ttl", .kind = KeyKind::seconds, .default_text = "1h", .min = second, .max = month},
    KeySpec{.path = "cache.max_negative_ttl", .kind = KeyKind::seconds, .default_text = "5m", .min = 0, .max = month},
    KeySpec{.path = "cache.serve_stale", .kind = KeyKind::seconds, .default_text = "1h", .min = 0, .max = month},
    KeySpec{
        .path = "cache.failure_ttl", .kind = KeyKind::seconds, .default_text = "5s", .min = second, .max = 5 * minute},
    KeySpec{.path = "cache.nxdomain_cut", .kind = KeyKind::boolean, .default_text = "true"},
    KeySpec{.path = "cache.prefetch", .kind = KeyKind::boolean, .default_text = "true"},
    KeySpec{.path = "cache.rotate", .kind = KeyKind::boolean, .default_text = "true"},

    KeySpec{.path = "search", .kind = KeyKind::mapping, .may_be_false = true},
    KeySpec{.path = "search.domains",
            .kind = KeyKind::list,
            .default_text = "[]",
            .description = "a domain name such as default.svc.cluster.local",
            .min = 0,
            .max = 32},
    KeySpec{.path = "search.ndots", .kind = KeyKind::integer, .default_text = "5", .min = 0, .max = 15},
    KeySpec{.path = "search.resolv_conf",
            .description = "the path of a readable file as resolv.conf(5) says, instead of domains and ndots",
            .optional = true},

    KeySpec{.path = "clients", .kind = KeyKind::mapping},
    KeySpec{.path = "clients.ban_after", .kind = KeyKind::integer, .default_text = "0", .min = 0, .max = 1'000'000},
    KeySpec{
        .path = "clients.ban_for", .kind = KeyKind::duration, .default_text = "60s", .min = second, .max = 24 * hour},
    KeySpec{.path = "clients.ipv6_prefix", .kind = KeyKind::integer, .default_text = "128", .min = 64, .max = 128},

    KeySpec{.path = "reload", .kind = KeyKind::mapping},
    KeySpec{.path = "reload.watch", .kind = KeyKind::boolean, .default_text = "true"},
    KeySpec{.path = "reload.verify", .kind = KeyKind::boolean, .default_text = "true"},

    KeySpec{.path = "http", .kind = KeyKind::mapping},
    KeySpec{.path = "http.listen",
            .default_text = R"("0.0.0.0:9153")",
            .description = R"(a literal address and port, such as "0.0.0.0:9153", a list of one for each of )"
                           R"(IPv4 and IPv6, or "" for no HTTP server)",
            .min = 1,
            .max = 2},

    KeySpec{.path = "admin", .kind = KeyKind::mapping},
    KeySpec{.path = "admin.listen",
            .default_text = R"("127.0.0.1:9154")",
            .description = R"(a literal address and port, such as "127.0.0.1:9154", a list of one for each of )"
                           R"(IPv4 and IPv6, or "" for no admin server)",
            .min = 1,
            .max = 2},
    KeySpec{.path = "admin.read_only", .kind = KeyKind::boolean, .default_text = "true"},
    KeySpec{.path = "admin.recent", .kind = KeyKind::integer, .default_text = "0", .min = 0, .max = 1'000},

    KeySpec{.path = "log", .kind = KeyKind::mapping},
    KeySpec{.path = "log.level", .kind = KeyKind::choice, .default_text = "info", .choices = log_level_words},
    KeySpec{.path = "log.format", .kind = KeyKind::choice, .default_text = "json", .choices = log_format_words},
    KeySpec{.path = "log.fields", .kind = KeyKind::choice, .default_text = "short", .choices = log_names_words},

    KeySpec{.path = "syslog", .kind = KeyKind::mapping},
    KeySpec{.path = "syslog.output",
            .default_text = R"("")",
            .description = R"("" for none, or udp:, tcp: or tls: and a literal address and port, )"
                           "with tls also # and the name in the certificate"},
    KeySpec{
        .path = "syslog.ca_file", .default_text = "/etc/ssl/certs/ca-certificates.crt", .description = readable_pem},

    KeySpec{.path = "query_log", .kind = KeyKind::mapping},
    KeySpec{.path = "query_log.output",
            .default_text = R"("")",
            .description =
                R"("" for none, stderr, syslog, file: and an absolute path, or unix: and that of a stream socket)"},
    KeySpec{.path = "query_log.fields",
            .kind = KeyKind::list,
            .default_text = "[]",
            .description = "one of client.ip, client.port, network.transport, network.type, dns.id, "
                           "dns.question.name, dns.question.type, dns.question.class, dns.response_code, "
                           "event.duration, pillion.source, pillion.upstream, pillion.server, pillion.ede.code, "
                           "pillion.ede.text",
            .min = 0,
            .max = query_log_field_words.size()},
    KeySpec{.path = "query_log.sample", .kind = KeyKind::fraction, .default_text = "1"},
    KeySpec{.path = "query_log.names", .kind = KeyKind::choice, .default_text = "plain", .choices = logged_names_words},
    KeySpec{.path = "query_log.key_file",
            .default_text = R"("")",
            .description = "the path of a readable file of 16 to 65536 bytes, for hashed names"},

    KeySpec{.path = "dnstap", .kind = KeyKind::mapping},
    KeySpec{.path = "dnstap.output",
            .default_text = R"("")",
            .description =
                R"("" for none, unix: and the absolute path of a socket, or tcp: and a literal address and port)"},
    KeySpec{.path = "dnstap.client", .kind = KeyKind::boolean, .default_text = "true"},
    KeySpec{.path = "dnstap.forwarder", .kind = KeyKind::boolean, .default_text = "true"},
    KeySpec{.path = "dnstap.identity",
            .default_text = R"("")",
            .description = R"(at most 255 bytes, or "" for the host's name)"},

    KeySpec{.path = "memory",
            .kind = KeyKind::size,
            .default_text = "auto",
            .min = 16LL << 20,
            .max = 1LL << 40,
            .may_be_auto = true},
    KeySpec{.path = "threads", .kind = KeyKind::integer, .default_text = "1", .min = 1, .max = 256},
    KeySpec{.path = "drain_timeout", .kind = KeyKind::duration, .default_text = "25s", .min = 0, .max = hour},
    KeySpec{.path = "drain_quiet", .kind = KeyKind::duration, .default_text = "500ms", .min = 0, .max = hour},
    KeySpec{.path = "drain_min", .kind = KeyKind::duration, .default_text = "0s", .min = 0, .max = hour},
};

}  // namespace

std::span<const KeySpec> keys() {
  return table;
}

}  // namespace pillion::config
