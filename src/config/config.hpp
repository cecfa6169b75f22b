#pragma once
// The whole configuration as plain values. These defaults are the product's defaults. Tests hold the YAML reader,
// `pillion check` and the reference in deploy/CONFIGURATION.md to this file.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::config {

/// A literal IPv4 or IPv6 address and a port. Host names are not allowed, since Pillion itself is the resolver.
struct Endpoint {
  std::string address;     ///< "127.0.0.1", "::1": without brackets
  std::uint16_t port = 0;  ///< 0 lets the kernel choose (tests)
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
[[nodiscard]] inline bool is_ipv6(const Endpoint& endpoint) {
  return endpoint.address.find(':') != std::string::npos;
}
/// "127.0.0.1:8053", "[::1]:8053".
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

struct Dns {
  std::vector<Endpoint> listen = {
      {"127.0.0.1", 8053}};                         ///< 1 … 16, each on UDP and TCP; a machine without IPv6 can bind it
  std::chrono::milliseconds idle_timeout{60'000};   ///< 1s … 1h (RFC 7828 can say at most 6,553 s)
  std::uint32_t max_connections = 4096;             ///< 1 … 1,000,000
  std::uint32_t max_connections_per_client = 1024;  ///< 1 … 1,000,000
  std::uint32_t max_in_flight_per_connection = 1000;  ///< 1 … 65,535
  std::uint16_t udp_payload = 1232;                   ///< 512 … 4096 bytes
  bool reject_non_utf8_names = true;
  friend bool operator==(const Dns&, const Dns&) = default;
};

enum class Protocol : std::uint8_t { tls, tcp, udp };
enum class PolicyKind : std::uint8_t { fastest, sequential, round_robin, random };
enum class TlsVersion : std::uint8_t { tls1_2, tls1_3 };

struct Server {
  Endpoint endpoint;
  /// Verified against the certificate's DNS SANs and sent as SNI; if empty, the IP SAN is verified.
  std::string tls_name;
  std::vector<std::string> pins;  ///< "sha256/BASE64=" of the SPKI (RFC 7858 4.2, RFC 7469 2.4); one must match
  friend bool operator==(const Server&, const Server&) = default;
};

struct Tls {
  std::string ca_file = "/etc/ssl/certs/ca-certificates.crt";
  TlsVersion min_version = TlsVersion::tls1_2;
  /// The key-exchange groups by OpenSSL's names, in order of preference, at most 8. If empty, default_tls_groups()
  /// applies.
  std::vector<std::string> groups{};
  std::string client_cert;  ///< path of a PEM file; `client_cert` and `client_key` are both set or both empty
  std::string client_key;
  friend bool operator==(const Tls&, const Tls&) = default;
};

inline constexpr std::size_t max_upstreams = 16;

struct Upstream {
  std::string name;
  Protocol protocol = Protocol::tls;
  PolicyKind policy = PolicyKind::fastest;
  std::chrono::milliseconds timeout{4'000};  ///< for the whole query, all attempts included; 100ms … 30s
  std::vector<Server> servers;               ///< 1 … 16
  Tls tls;
  std::uint16_t padding = 128;  ///< block size in bytes (RFC 8467 4.1); 0 … 512, 0 switches padding off
  friend bool operator==(const Upstream&, const Upstream&) = default;
};

/// A route says where Pillion answers the names of a zone from, or the reverse look-ups in a network: from an
/// upstream, or from records in the configuration.
struct Route {
  /// Lower case, without the final dot except for "."; the route with the longest matching zone wins.
  std::string zone;
  std::string upstream;              ///< a key of `upstreams`; empty if `records` answer
  std::vector<std::string> records;  ///< at most 10,000 for presentation::parse_zone_record, relative to `zone`
  /// A network as to_string(const Network&) writes it. Either `zone` or `network` is set, and the other is empty.
  /// routed_zones() says which zones a network stands for.
  std::string network{};
  friend bool operator==(const Route&, const Route&) = default;
};

struct Cache {
  std::size_t size = std::size_t{4} << 20U;  ///< bytes for each thread, 64KiB … 16GiB; 0 switches the cache off
  std::chrono::milliseconds min_ttl{0};      ///< 0s … 30 days and at most max_ttl; whole seconds, like all times here
  std::chrono::milliseconds max_ttl{3'600'000};         ///< 1s … 30 days
  std::chrono::milliseconds max_negative_ttl{300'000};  ///< 0s … 30 days (RFC 2308 5)
  std::chrono::milliseconds serve_stale{3'600'000};     ///< 0s … 30 days (RFC 8767); 0s: never
  std::chrono::milliseconds failure_ttl{5'000};         ///< 1s … 5m (RFC 9520 3.2)
  bool nxdomain_cut = true;                             ///< RFC 8020
  bool prefetch = true;
  bool rotate = true;  ///< hands out address records from the cache in rotating order
  friend bool operator==(const Cache&, const Cache&) = default;
};

/// The pod's search list: Pillion answers the first query of a walk along it with the result of the whole walk. If
/// `domains` is empty (`search: false`), Pillion does not walk.
struct Search {
  std::vector<std::string> domains;  ///< in the order of the list, at most 32, each once; written like Route::zone
  std::uint32_t ndots = 5;           ///< 0 … 15, as in resolv.conf(5)
  friend bool operator==(const Search&, const Search&) = default;
};

/// What a client is, and what Pillion does about clients that send invalid queries.
struct Clients {
  std::uint32_t ban_after = 0;                ///< 0 … 1,000,000 invalid messages over TCP in a minute; 0: no bans
  std::chrono::milliseconds ban_for{60'000};  ///< 1s … 24h
  std::uint32_t ipv6_prefix = 128;            ///< 64 … 128: the first bits of an IPv6 address that are one client's
  friend bool operator==(const Clients&, const Clients&) = default;
};

/// How Pillion applies a changed configuration while it runs.
struct Reload {
  bool watch = true;   ///< True if Pillion watches its configuration file and the files that it names
  bool verify = true;  ///< True if new TLS upstreams must complete a handshake before the new configuration applies
  friend bool operator==(const Reload&, const Reload&) = default;
};

struct Http {
  std::vector<Endpoint> listen = {{"0.0.0.0", 9153}};  ///< at most one address of each family; empty: no HTTP server
  friend bool operator==(const Http&, const Http&) = default;
};

/// The status page and its API, for people and programs on this machine.
struct Admin {
  /// At most one address of each family; empty: no admin server.
  std::vector<Endpoint> listen = {{"127.0.0.1", 9154}};
  /// True if Pillion refuses the requests that change something (flush, log level, reload, drain).
  bool read_only = true;
  std::uint32_t recent = 0;  ///< 0 … 1,000: the number of answered queries that each thread keeps for the status page
  friend bool operator==(const Admin&, const Admin&) = default;
};

enum class LogThreshold : std::uint8_t { debug, info, warn, error };
enum class LogFormat : std::uint8_t { json, text };
/// How the log's own fields are named.
enum class LogNames : std::uint8_t {
  brief,  ///< "ts", "level", "msg" and the fields' own keys; the word is `short`
  ecs,    ///< of the Elastic Common Schema: "@timestamp", "log.level", "message"; the others as labels of ours
};
struct LogSettings {
  LogThreshold level = LogThreshold::info;
  LogFormat format = LogFormat::json;
  LogNames fields = LogNames::brief;
  friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

/// Where the log goes besides standard error: by syslog (RFC 5424). Off while `output` is empty.
struct SyslogSettings {
  std::string output;                   ///< "udp:ADDRESS:PORT", "tcp:ADDRESS:PORT" or "tls:ADDRESS:PORT#NAME"
  std::string ca_file = Tls{}.ca_file;  ///< of tls; read anew for each connection
  friend bool operator==(const SyslogSettings&, const SyslogSettings&) = default;
};

/// What a line of the query log can tell, in the order of a line. Its words are query_log_field_words.
enum class QueryLogField : std::uint8_t {
  client_address,
  client_port,
  transport,
  ip_family,
  message_id,
  question_name,
  question_type,
  question_class,
  response_code,
  duration,
  source,
  upstream,
  server,
  error_code,
  error_text,
  count_,
};

/// How the query log writes the names that were asked for.
enum class LoggedNames : std::uint8_t {
  plain,
  hashed,  ///< HMAC-SHA256 (RFC 2104) of the name in wire form and lower case, in hex
};

/// One, where a share is given in parts of a billion.
inline constexpr std::uint32_t whole_share = 1'000'000'000;

/// A line for each answered query of a client. Off while `output` is empty.
struct QueryLogSettings {
  std::string output;  ///< "stderr", "syslog", "file:/PATH" or "unix:/PATH", a stream socket that somebody listens on
  std::vector<QueryLogField> fields;   ///< each once; empty: all of them
  std::uint32_t sample = whole_share;  ///< 0 … whole_share: the share of queries that are logged
  LoggedNames names = LoggedNames::plain;
  std::string key_file;  ///< of the hash, at least 16 bytes; empty: a key made at random at each start
  friend bool operator==(const QueryLogSettings&, const QueryLogSettings&) = default;
};

/// DNS messages for a reader of dnstap. Off while `output` is empty.
struct DnstapSettings {
  std::string output;     ///< "unix:/PATH" or "tcp:ADDRESS:PORT", where a reader of Frame Streams listens
  bool client = true;     ///< queries of clients, and their answers
  bool forwarder = true;  ///< queries to upstreams, and their answers
  std::string identity;   ///< at most 255 bytes; empty: the host's name
  friend bool operator==(const DnstapSettings&, const DnstapSettings&) = default;
};

struct Config {
  Dns dns;
  std::vector<Upstream> upstreams;  ///< in the order of the file; default_config() has "public"
  /// Each zone and network once, in the order of the file; one route is for "." and has an upstream.
  std::vector<Route> routes;
  Cache cache;
  Search search;
  Clients clients;
  Reload reload;
  Http http;
  Admin admin;
  LogSettings log;
  SyslogSettings syslog;
  QueryLogSettings query_log;
  DnstapSettings dnstap;
  std::size_t memory = 0;                           ///< bytes, 16MiB … 1TiB, for the whole process; 0: auto
  std::uint32_t threads = 1;                        ///< 1 … 256
  std::chrono::milliseconds drain_timeout{25'000};  ///< 0s … 1h; the longest duration of a drain
  std::chrono::milliseconds drain_quiet{500};       ///< 0s … 1h; a drain ends after this long without a query
  std::chrono::milliseconds drain_min{0};           ///< 0s … drain_timeout; the shortest duration of a drain
  friend bool operator==(const Config&, const Config&) = default;
};

/// The value's word in the YAML: "tls", "round_robin", "1.2", "warn", "json".
[[nodiscard]] std::string_view to_string(Protocol protocol);
[[nodiscard]] std::string_view to_string(PolicyKind policy);
[[nodiscard]] std::string_view to_string(TlsVersion version);
[[nodiscard]] std::string_view to_string(LogThreshold level);
[[nodiscard]] std::string_view to_string(LogFormat format);
[[nodiscard]] std::string_view to_string(LogNames names);
[[nodiscard]] std::string_view to_string(QueryLogField field);
[[nodiscard]] std::string_view to_string(LoggedNames names);

/// The configuration without a file: Pillion listens on 127.0.0.1:8053 and asks Cloudflare and Quad9 over verified
/// TLS.
[[nodiscard]] Config default_config();

}  // namespace pillion::config
