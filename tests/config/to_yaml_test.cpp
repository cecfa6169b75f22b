#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "config/pem.hpp"
#include "config/temporary_file.hpp"

namespace pillion::config {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

Config everything_changed(const std::string& pem_file) {
  Config config;
  config.dns = {.listen = {{"0.0.0.0", 53}, {"::", 53}, {"127.0.0.1", 0}},
                .idle_timeout = 1500ms,
                .max_connections = 1,
                .max_connections_per_client = 1'000'000,
                .max_in_flight_per_connection = 65'535,
                .udp_payload = 4096,
                .reject_non_utf8_names = false};
  const std::string pin = "sha256/" + std::string(43, 'A') + "=";
  config.upstreams = {
      {.name = "null",  // a name that YAML reads as something else unless it is quoted
       .protocol = Protocol::tls,
       .policy = PolicyKind::round_robin,
       .timeout = 100ms,
       .servers = {{{"2606:4700:4700::1111", 853}, "dns.example", {pin, pin}}, {{"192.0.2.1", 8853}, "", {}}},
       .tls = {.ca_file = pem_file,
               .min_version = TlsVersion::tls1_3,
               .groups = {"P-256", "X25519"},
               .client_cert = pem_file,
               .client_key = pem_file},
       .padding = 0},
      {.name = "1_a-B",
       .protocol = Protocol::udp,
       .policy = PolicyKind::random,
       .timeout = 30s,
       .servers = {{{"10.96.0.10", 53}, "", {}}},
       .tls = {},
       .padding = 128},
  };
  config.routes = {
      {.zone = "cluster.local", .upstream = "null", .records = {}},
      {.zone = "db.internal",
       .upstream = "",
       .records = {"@ 5m A 192.0.2.1", R"(@ TXT "a: \"b\" # \\ \195\169" 'x' [y] {z})", "www\tCNAME @",
                   "x TYPE1234 \\# 1 AB", "é TXT é", "@ SOA ns admin (1 2h\n 1h 2w 5m)"}},
      {.zone = ".", .upstream = "1_a-B", .records = {}},
      {.zone = "", .upstream = "null", .records = {}, .network = "10.0.0.0/8"},
      {.zone = "", .upstream = "null", .records = {}, .network = "::/0"},
      {.zone = "", .upstream = "1_a-B", .records = {}, .network = "fd00::ff/128"},
      {.zone = R"(odd\032\"zone\200.example)", .upstream = "null", .records = {}},
  };
  config.cache = {.size = 65'537,
                  .min_ttl = 1s,
                  .max_ttl = 720h,
                  .max_negative_ttl = 61s,
                  .serve_stale = 0s,
                  .failure_ttl = 300s,
                  .nxdomain_cut = false,
                  .prefetch = false,
                  .rotate = false};
  config.search = {.domains = {"default.svc.cluster.local", "null", "1"}, .ndots = 15};
  config.clients = {.ban_after = 1'000'000, .ban_for = 90s, .ipv6_prefix = 64};
  config.http.listen = {{"::1", 9153}};
  config.admin = {.listen = {{"::1", 9154}}, .read_only = false, .recent = 7};
  config.log = {.level = LogThreshold::error, .format = LogFormat::text, .fields = LogNames::ecs};
  config.dnstap = {.output = "tcp:[::1]:6000", .client = false, .forwarder = false, .identity = "a: b"};
  config.syslog = {.output = "tls:[::1]:6514#log.example", .ca_file = pem_file};
  config.query_log = {.output = "unix:/run/a b.sock",
                      .fields = {QueryLogField::error_text, QueryLogField::client_address},
                      .sample = 50'000'001,
                      .names = LoggedNames::hashed,
                      .key_file = pem_file};
  config.memory = std::size_t{100} << 20U;
  config.threads = 256;
  config.drain_timeout = 2min;
  config.drain_quiet = 2s;
  config.drain_min = 5s;
  config.reload = {.watch = false, .verify = false};
  return config;
}

void expect_round_trip(const Config& config) {
  const auto yaml = to_yaml(config, false);
  EXPECT_EQ(parse_config(yaml, "f.yaml").config, config) << yaml;
}

TEST(ToYaml, TheDefaultsComeBack) {
  expect_round_trip(default_config());
}

TEST(ToYaml, EverythingThatCanBeChangedComesBack) {
  const TemporaryFile file(pem_of_everything());
  expect_round_trip(everything_changed(file.path()));
}

TEST(ToYaml, EveryDurationComesBack) {
  auto config = default_config();
  for (const auto duration :
       {0ms, 1ms, 999ms, 1000ms, 1001ms, 59'000ms, 60'000ms, 61'000ms, 120'000ms, 3'599'000ms, 3'600'000ms}) {
    config.drain_quiet = duration;
    expect_round_trip(config);
  }
}

TEST(ToYaml, EverySizeOfTheCacheComesBack) {
  auto config = default_config();
  for (const std::size_t size : {0UL, 64UL << 10U, (64UL << 10U) + 1, 100UL << 20U, 16UL << 30U}) {
    config.cache.size = size;
    expect_round_trip(config);
  }
}

TEST(ToYaml, PrintsRecordsLineByLine) {
  auto config = default_config();
  config.routes.insert(config.routes.begin(),
                       {.zone = "a.example", .upstream = "", .records = {"@ A 192.0.2.1", "b A 192.0.2.2"}});
  EXPECT_THAT(to_yaml(config, true), HasSubstr(R"(
routes:
  - zone: "a.example"
    records:
      - "@ A 192.0.2.1"
      - "b A 192.0.2.2"
  - {zone: ".", upstream: public}
)"));
}

TEST(ToYaml, PrintsTheSearchListThatWasRead) {
  const TemporaryFile file("search a.example\n");
  const auto config = parse_config("search: {resolv_conf: " + file.path() + "}", "f.yaml").config;
  EXPECT_THAT(to_yaml(config, true), HasSubstr("\nsearch: {domains: [\"a.example\"], ndots: 1}\n"));
  expect_round_trip(config);
}

TEST(ToYaml, ASearchListWithoutDomainsIsOff) {
  const TemporaryFile file("nameserver 192.0.2.1\n");
  for (const auto& written :
       {std::string("false"), std::string("{domains: [], ndots: 3}"), "{resolv_conf: " + file.path() + "}"}) {
    const auto config = parse_config("search: " + written, "f.yaml").config;
    EXPECT_THAT(to_yaml(config, true), HasSubstr("\nsearch: false\n")) << written;
    expect_round_trip(config);
  }
}

TEST(ToYaml, TwoHttpListenersComeBack) {
  auto config = default_config();
  config.http.listen = {{"0.0.0.0", 9153}, {"::", 9153}};
  EXPECT_THAT(to_yaml(config, true), HasSubstr("\nhttp: {listen: [\"0.0.0.0:9153\", \"[::]:9153\"]}\n"));
  expect_round_trip(config);
}

TEST(ToYaml, NoHttpServerComesBack) {
  auto config = default_config();
  config.http.listen.clear();
  config.admin.listen.clear();
  expect_round_trip(config);
}

TEST(ToYaml, OddPathsComeBack) {
  auto config = default_config();
  for (const auto* const directory : {"a b", "a: b", "#", "'\"\\", "{x}", "é", "~"}) {
    const auto path =
        std::filesystem::temp_directory_path() / ("pillion-config-" + std::to_string(::getpid())) / directory;
    std::filesystem::create_directories(path);
    const TemporaryFile file(pem_of_everything());
    const auto link = path / "ca.pem";
    std::filesystem::create_symlink(file.path(), link);
    config.upstreams.front().tls.ca_file = link.string();
    expect_round_trip(config);
    std::filesystem::remove_all(path.parent_path());
  }
}

TEST(ToYaml, HidesThePathOfAClientsKey) {
  auto config = default_config();
  config.upstreams.front().tls.client_cert = "/shown.pem";
  config.upstreams.front().tls.client_key = "/hidden.pem";
  const auto yaml = to_yaml(config, true);
  EXPECT_THAT(yaml, HasSubstr("client_cert: /shown.pem"));
  EXPECT_THAT(yaml, HasSubstr("client_key: <redacted>"));
  EXPECT_THAT(yaml, Not(HasSubstr("hidden")));
  EXPECT_THAT(to_yaml(config, false), HasSubstr("client_key: /hidden.pem"));
}

TEST(ToYaml, HidesThePathOfTheQueryLogsKey) {
  auto config = default_config();
  config.query_log.key_file = "/hidden.key";
  EXPECT_THAT(to_yaml(config, true), HasSubstr("key_file: <redacted>"));
  EXPECT_THAT(to_yaml(config, true), Not(HasSubstr("hidden")));
  EXPECT_THAT(to_yaml(config, false), HasSubstr("key_file: /hidden.key"));
}

TEST(ToYaml, PrintsEveryKeyInTheContractsLayout) {
  EXPECT_EQ(to_yaml(default_config(), true), R"(dns:
  listen: ["127.0.0.1:8053"]
  idle_timeout: 60s
  max_connections: 4096
  max_connections_per_client: 1024
  max_in_flight_per_connection: 1000
  udp_payload: 1232
  reject_non_utf8_names: true
upstreams:
  public:
    protocol: tls
    policy: fastest
    timeout: 4s
    servers:
      - {address: "1.1.1.1:853", tls_name: cloudflare-dns.com, pins: []}
      - {address: "9.9.9.9:853", tls_name: dns.quad9.net, pins: []}
    tls: {ca_file: /etc/ssl/certs/ca-certificates.crt, min_version: "1.2", groups: [], client_cert: "", client_key: ""}
    padding: 128
routes:
  - {zone: ".", upstream: public}
cache:
  size: 4MiB
  min_ttl: 0s
  max_ttl: 1h
  max_negative_ttl: 5m
  serve_stale: 1h
  failure_ttl: 5s
  nxdomain_cut: true
  prefetch: true
  rotate: true
search: false
clients: {ban_after: 0, ban_for: 60s, ipv6_prefix: 128}
reload: {watch: true, verify: true}
http: {listen: "0.0.0.0:9153"}
admin: {listen: "127.0.0.1:9154", read_only: true, recent: 0}
log: {level: info, format: json, fields: short}
syslog: {output: "", ca_file: /etc/ssl/certs/ca-certificates.crt}
query_log: {output: "", fields: [], sample: 1, names: plain, key_file: ""}
dnstap: {output: "", client: true, forwarder: true, identity: ""}
memory: auto
threads: 1
drain_timeout: 25s
drain_quiet: 500ms
drain_min: 0s
)");
}

}  // namespace
}  // namespace pillion::config
