#include "config/load.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/faults.hpp"
#include "config/temporary_file.hpp"

namespace pillion::config {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Route to_upstream(const std::string& zone, const std::string& upstream) {
  return {.zone = zone, .upstream = upstream, .records = {}};
}

TEST(Defaults, AreThoseOfTheContract) {
  const auto config = default_config();
  EXPECT_THAT(config.dns.listen, ElementsAre(Endpoint{"127.0.0.1", 8053}));
  EXPECT_EQ(config.dns.idle_timeout, 60s);
  EXPECT_EQ(config.dns.max_connections, 4096U);
  EXPECT_EQ(config.dns.max_connections_per_client, 1024U);
  EXPECT_EQ(config.dns.max_in_flight_per_connection, 1000U);
  EXPECT_EQ(config.dns.udp_payload, 1232U);
  EXPECT_TRUE(config.dns.reject_non_utf8_names);

  ASSERT_EQ(config.upstreams.size(), 1U);
  const auto& upstream = config.upstreams.front();
  EXPECT_EQ(upstream.name, "public");
  EXPECT_EQ(upstream.protocol, Protocol::tls);
  EXPECT_EQ(upstream.policy, PolicyKind::fastest);
  EXPECT_EQ(upstream.timeout, 4s);
  EXPECT_THAT(upstream.servers, ElementsAre(Server{{"1.1.1.1", 853}, "cloudflare-dns.com", {}},
                                            Server{{"9.9.9.9", 853}, "dns.quad9.net", {}}));
  EXPECT_EQ(upstream.tls.ca_file, "/etc/ssl/certs/ca-certificates.crt");
  EXPECT_EQ(upstream.tls.min_version, TlsVersion::tls1_2);
  EXPECT_THAT(upstream.tls.groups, testing::IsEmpty());
  EXPECT_EQ(upstream.tls.client_cert, "");
  EXPECT_EQ(upstream.tls.client_key, "");
  EXPECT_EQ(upstream.padding, 128U);

  EXPECT_THAT(config.routes, ElementsAre(to_upstream(".", "public")));
  EXPECT_EQ(config.cache.size, 4U << 20U);
  EXPECT_EQ(config.cache.min_ttl, 0s);
  EXPECT_EQ(config.cache.max_ttl, 1h);
  EXPECT_EQ(config.cache.max_negative_ttl, 5min);
  EXPECT_EQ(config.cache.serve_stale, 1h);
  EXPECT_EQ(config.cache.failure_ttl, 5s);
  EXPECT_TRUE(config.cache.nxdomain_cut);
  EXPECT_TRUE(config.cache.prefetch);
  EXPECT_TRUE(config.cache.rotate);
  EXPECT_THAT(config.search.domains, IsEmpty());
  EXPECT_EQ(config.search.ndots, 5U);
  EXPECT_EQ(config.clients.ban_after, 0U);
  EXPECT_EQ(config.clients.ban_for, 1min);
  EXPECT_THAT(config.http.listen, ElementsAre(Endpoint{"0.0.0.0", 9153}));
  EXPECT_EQ(config.log.level, LogThreshold::info);
  EXPECT_EQ(config.log.format, LogFormat::json);
  EXPECT_EQ(config.memory, 0U);
  EXPECT_EQ(config.threads, 1U);
  EXPECT_EQ(config.drain_timeout, 25s);
  EXPECT_EQ(config.drain_quiet, 500ms);
  EXPECT_EQ(config.drain_min, 0s);
  EXPECT_EQ(config.reload, (Reload{.watch = true, .verify = true}));
}

TEST(ParseConfig, Memory) {
  EXPECT_EQ(parse_config("memory: auto", "f.yaml").config.memory, 0U);
  EXPECT_EQ(parse_config("memory: 16MiB", "f.yaml").config.memory, std::size_t{16} << 20U);
  EXPECT_EQ(parse_config("memory: 1024GiB", "f.yaml").config.memory, std::size_t{1} << 40U);
}

TEST(ParseConfig, AMappingWithoutKeysIsTheDefaults) {
  for (const auto* const yaml : {"{}", "---\n{}\n", "# nothing\n---\n{}"})
    EXPECT_EQ(parse_config(yaml, "f.yaml").config, default_config());
}

TEST(ParseConfig, AnEmptyFileIsAFaultThatSaysSo) {
  for (const auto* const yaml :
       {"", "\n \n", "---\n", "# nothing\n", "\n# a\n\n# b", "~", "\n\nnull\n", "---\n...\n", "\xef\xbb\xbf"}) {
    EXPECT_EQ(faults_in(yaml),
              "f.yaml:1:1: the file is empty; allowed: a mapping with dns, upstreams, routes, cache, search, clients, "
              "reload, http, admin, log, syslog, query_log, dnstap, memory, "
              "threads, drain_timeout, drain_quiet, drain_min, or {} or no file at all for the defaults")
        << yaml;
  }
}

TEST(ParseConfig, WhatIsNotGivenKeepsItsDefault) {
  auto expected = default_config();
  expected.threads = 2;
  expected.log.level = LogThreshold::debug;
  EXPECT_EQ(parse_config("threads: 2\nlog: {level: debug}", "f.yaml").config, expected);
}

TEST(ParseConfig, TakesOneListenerOrAList) {
  EXPECT_THAT(parse_config("dns: {listen: 127.0.0.1:53}", "f.yaml").config.dns.listen,
              ElementsAre(Endpoint{"127.0.0.1", 53}));
  EXPECT_THAT(parse_config(R"(dns: {listen: ["127.0.0.1:53", "[0::1]:53"]})", "f.yaml").config.dns.listen,
              ElementsAre(Endpoint{"127.0.0.1", 53}, Endpoint{"::1", 53}));
}

TEST(ParseConfig, PortZeroMayBeListenedOnTwice) {
  EXPECT_EQ(parse_config(R"(dns: {listen: ["127.0.0.1:0", "127.0.0.1:0"]})", "f.yaml").config.dns.listen.size(), 2U);
}

TEST(ParseConfig, TheHttpServerMayListenOnOneAddressOfEachFamily) {
  EXPECT_THAT(parse_config(R"(http: {listen: ["[::]:9153", "0.0.0.0:9153"]})", "f.yaml").config.http.listen,
              ElementsAre(Endpoint{"::", 9153}, Endpoint{"0.0.0.0", 9153}));
  EXPECT_THAT(parse_config(R"(http: {listen: ["127.0.0.1:9153"]})", "f.yaml").config.http.listen,
              ElementsAre(Endpoint{"127.0.0.1", 9153}));
}

TEST(ParseConfig, AnEmptyHttpListenerIsNone) {
  EXPECT_TRUE(parse_config(R"(http: {listen: ""})", "f.yaml").config.http.listen.empty());
}

TEST(ParseConfig, TheAdminServerMayListenOnOneAddressOfEachFamilyOrNone) {
  EXPECT_THAT(parse_config(R"(admin: {listen: ["127.0.0.1:9154", "[::1]:9154"]})", "f.yaml").config.admin.listen,
              ElementsAre(Endpoint{"127.0.0.1", 9154}, Endpoint{"::1", 9154}));
  EXPECT_TRUE(parse_config(R"(admin: {listen: ""})", "f.yaml").config.admin.listen.empty());
  const auto admin = parse_config("admin: {read_only: false, recent: 50}", "f.yaml").config.admin;
  EXPECT_FALSE(admin.read_only);
  EXPECT_EQ(admin.recent, 50U);
}

TEST(ParseConfig, ReadsEveryWordOfAChoice) {
  const auto upstream_with = [](const std::string& keys) {
    return parse_config("upstreams: {a: {servers: [{address: \"192.0.2.1:53\"}], " + keys + "}}", "f.yaml")
        .config.upstreams.front();
  };
  EXPECT_EQ(upstream_with("protocol: tls").protocol, Protocol::tls);
  EXPECT_EQ(upstream_with("protocol: tcp").protocol, Protocol::tcp);
  EXPECT_EQ(upstream_with("protocol: udp").protocol, Protocol::udp);
  EXPECT_EQ(upstream_with("policy: fastest").policy, PolicyKind::fastest);
  EXPECT_EQ(upstream_with("policy: sequential").policy, PolicyKind::sequential);
  EXPECT_EQ(upstream_with("policy: round_robin").policy, PolicyKind::round_robin);
  EXPECT_EQ(upstream_with("policy: random").policy, PolicyKind::random);
  EXPECT_EQ(upstream_with("tls: {min_version: \"1.2\"}").tls.min_version, TlsVersion::tls1_2);
  EXPECT_EQ(upstream_with("tls: {min_version: 1.3}").tls.min_version, TlsVersion::tls1_3);
  const auto log_with = [](const std::string& keys) {
    return parse_config("log: {" + keys + "}", "f.yaml").config.log;
  };
  EXPECT_EQ(log_with("level: debug").level, LogThreshold::debug);
  EXPECT_EQ(log_with("level: info").level, LogThreshold::info);
  EXPECT_EQ(log_with("level: warn").level, LogThreshold::warn);
  EXPECT_EQ(log_with("level: error").level, LogThreshold::error);
  EXPECT_EQ(log_with("format: json").format, LogFormat::json);
  EXPECT_EQ(log_with("format: text").format, LogFormat::text);
}

TEST(ParseConfig, TheOnlyUpstreamIsTheRoute) {
  const auto config =
      parse_config("upstreams: {home: {protocol: udp, servers: [{address: \"192.0.2.1:53\"}]}}", "f.yaml").config;
  EXPECT_THAT(config.routes, ElementsAre(to_upstream(".", "home")));
}

TEST(ParseConfig, OfSeveralUpstreamsTheOneNamedPublicIsTheRoute) {
  constexpr auto yaml = R"(
upstreams:
  cluster: {protocol: udp, servers: [{address: "192.0.2.1:53"}]}
  public: {protocol: udp, servers: [{address: "192.0.2.2:53"}]}
routes:
  - {zone: cluster.local, upstream: cluster}
)";
  const auto config = parse_config(yaml, "f.yaml").config;
  EXPECT_THAT(config.routes, ElementsAre(to_upstream("cluster.local", "cluster"), to_upstream(".", "public")));
  EXPECT_EQ(config.upstreams.front().name, "cluster");
}

TEST(ParseConfig, AnchorsAndAliasesAreFollowed) {
  constexpr auto yaml = R"(
upstreams:
  a: &a {protocol: tcp, servers: [{address: "192.0.2.1:53"}]}
  public: *a
routes: [{zone: example.org, upstream: a}]
)";
  const auto config = parse_config(yaml, "f.yaml").config;
  ASSERT_EQ(config.upstreams.size(), 2U);
  EXPECT_EQ(config.upstreams[1].servers, config.upstreams[0].servers);
}

TEST(ParseConfig, TheCacheMayBeOff) {
  EXPECT_EQ(parse_config("cache: {size: 0}", "f.yaml").config.cache.size, 0U);
  EXPECT_EQ(parse_config("cache: {size: 0MiB}", "f.yaml").config.cache.size, 0U);
}

TEST(ParseConfig, ReadsEveryKeyOfTheCache) {
  const auto cache = parse_config(R"(
cache:
  size: 64KiB
  min_ttl: 1s
  max_ttl: 2000ms
  max_negative_ttl: 3s
  serve_stale: 4m
  failure_ttl: 5m
  nxdomain_cut: false
  prefetch: false
  rotate: false
)",
                                  "f.yaml")
                         .config.cache;
  const Cache expected{.size = std::size_t{64} << 10U,
                       .min_ttl = 1s,
                       .max_ttl = 2s,
                       .max_negative_ttl = 3s,
                       .serve_stale = 4min,
                       .failure_ttl = 5min,
                       .nxdomain_cut = false,
                       .prefetch = false,
                       .rotate = false};
  EXPECT_EQ(cache, expected);
  EXPECT_EQ(parse_config("cache: {size: 16GiB}", "f.yaml").config.cache.size, std::size_t{16} << 30U);
  EXPECT_EQ(parse_config("cache: {min_ttl: 1h}", "f.yaml").config.cache.min_ttl, 1h) << "as much as max_ttl";
}

TEST(ParseConfig, ReadsRoutesInTheirOrder) {
  const auto config = parse_config(R"(
upstreams:
  cluster: {protocol: udp, servers: [{address: "192.0.2.1:53"}]}
  public: {protocol: udp, servers: [{address: "192.0.2.2:53"}]}
routes:
  - {zone: Cluster.Local., upstream: cluster}
  - zone: db.internal
    records:
      - "primary 60 A 192.0.2.10"
      - "*.pool CNAME primary"
      - '@ TXT "one" "t;wo"'
  - {zone: ".", upstream: public}
  - {zone: 10.in-addr.arpa, upstream: cluster}
)",
                                   "f.yaml")
                          .config;
  EXPECT_THAT(
      config.routes,
      ElementsAre(to_upstream("cluster.local", "cluster"),
                  Route{.zone = "db.internal",
                        .upstream = "",
                        .records = {"primary 60 A 192.0.2.10", "*.pool CNAME primary", R"(@ TXT "one" "t;wo")"}},
                  to_upstream(".", "public"), to_upstream("10.in-addr.arpa", "cluster")));
}

TEST(ParseConfig, ReadsNetworksInTheirCanonicalForm) {
  const auto config = parse_config(R"(
routes:
  - {network: 10.0.0.0/8, upstream: public}
  - {network: "FD00:0:0::/64", upstream: public}
  - {network: 0.0.0.0/0, upstream: public}
  - {zone: 1.in-addr.arpa, upstream: public}
)",
                                   "f.yaml")
                          .config;
  const auto network = [](const std::string& text) {
    return Route{.zone = "", .upstream = "public", .records = {}, .network = text};
  };
  EXPECT_THAT(config.routes, ElementsAre(network("10.0.0.0/8"), network("fd00::/64"), network("0.0.0.0/0"),
                                         to_upstream("1.in-addr.arpa", "public"), to_upstream(".", "public")));
}

TEST(ParseConfig, NetworksMayOverlapWhereOneIsLonger) {
  const auto config = parse_config(R"(
routes:
  - {network: 100.64.0.0/10, upstream: public}
  - {network: 100.64.0.0/16, upstream: public}
  - {network: 100.64.0.0/11, upstream: public}
  - {zone: 1.64.100.in-addr.arpa, upstream: public}
)",
                                   "f.yaml")
                          .config;
  EXPECT_EQ(config.routes.size(), 5U);
}

TEST(ParseConfig, TheDefaultUpstreamTakesWhatNoRouteSays) {
  const auto config = parse_config("routes: [{zone: internal, records: [\"@ A 192.0.2.1\"]}]", "f.yaml").config;
  EXPECT_THAT(config.routes, ElementsAre(Route{.zone = "internal", .upstream = "", .records = {"@ A 192.0.2.1"}},
                                         to_upstream(".", "public")));
  EXPECT_EQ(config.upstreams, default_config().upstreams);
}

TEST(ParseConfig, AFaultInARouteIsNotToldAsAMissingOne) {
  const auto faults = faults_in(R"(
upstreams:
  a: {protocol: udp, servers: [{address: "192.0.2.1:53"}]}
  b: {protocol: udp, servers: [{address: "192.0.2.2:53"}]}
routes: [{zone: a..b, upstream: a}, {zone: ".", upstream: c}]
)");
  EXPECT_EQ(std::ranges::count(faults, '\n'), 1) << faults;
  EXPECT_THAT(faults, AllOf(HasSubstr("routes[0].zone"), HasSubstr("routes[1].upstream")));
}

TEST(ParseConfig, TakesRecordsOfTheMostThatARouteHolds) {
  const auto records = [](int count) {
    std::string yaml = "routes: [{zone: internal, records: [";
    for (int i = 0; i < count; ++i) yaml += "h" + std::to_string(i) + " A 192.0.2.1,";
    return yaml + "]}]";
  };
  EXPECT_EQ(parse_config(records(10'000), "f.yaml").config.routes.front().records.size(), 10'000U);
  EXPECT_THAT(faults_in(records(10'001)), HasSubstr("has 10001 elements; allowed: 1 to 10000 of"));
}

TEST(ParseConfig, ReadsTheSearchList) {
  const auto search =
      parse_config("search: {domains: [Default.svc.cluster.local., svc.cluster.local], ndots: 0}", "f.yaml")
          .config.search;
  EXPECT_EQ(search, (Search{.domains = {"default.svc.cluster.local", "svc.cluster.local"}, .ndots = 0}));
  EXPECT_EQ(parse_config("search: {domains: []}", "f.yaml").config.search, Search{});
  EXPECT_EQ(parse_config("search: {domains: [a]}", "f.yaml").config.search.ndots, 5U);
}

TEST(ParseConfig, TheSearchListMayBeOff) {
  for (const auto* const off : {"false", "False", "FALSE", "{}", "{domains: []}", "{ndots: 2}"})
    EXPECT_EQ(parse_config("search: " + std::string(off), "f.yaml").config.search, Search{}) << off;
}

TEST(ParseConfig, ReadsTheSearchListOfAFile) {
  const TemporaryFile file("search a.svc.cluster.local cluster.local\noptions ndots:3\n");
  EXPECT_EQ(parse_config("search: {resolv_conf: " + file.path() + "}", "f.yaml").config.search,
            (Search{.domains = {"a.svc.cluster.local", "cluster.local"}, .ndots = 3}));
}

TEST(ParseConfig, WhatIsWrongInAResolvConfIsAWarningWithItsLine) {
  const TemporaryFile file("nameserver 192.0.2.1\nsearch a..b c.example\noptions ndots:abc\n");
  const auto loaded = parse_config("search: {resolv_conf: " + file.path() + "}", "f.yaml");
  EXPECT_EQ(loaded.config.search, (Search{.domains = {"c.example"}, .ndots = 1}));
  EXPECT_THAT(loaded.warnings, ElementsAre(file.path() + ":2: `a..b` is not a domain name: an empty label; skipped",
                                           file.path() + ":3: `ndots:abc` has no number; skipped"));
}

TEST(ParseConfig, TheFirstHundredWarningsAreKept) {
  std::string line = "search";
  for (int i = 0; i < 150; ++i) line += " a..b";
  const TemporaryFile file(line);
  const auto warnings = parse_config("search: {resolv_conf: " + file.path() + "}", "f.yaml").warnings;
  ASSERT_EQ(warnings.size(), 101U);
  EXPECT_EQ(warnings.back(), file.path() + ": and 50 more");
}

TEST(ParseConfig, AGoodDocumentHasNoWarnings) {
  const TemporaryFile file("search a.example\n");
  EXPECT_THAT(parse_config("{}", "f.yaml").warnings, IsEmpty());
  EXPECT_THAT(parse_config("search: {resolv_conf: " + file.path() + "}", "f.yaml").warnings, IsEmpty());
}

TEST(ParseConfig, AResolvConfHasALimit) {
  const TemporaryFile longest(std::string(64U << 10U, '\n'));
  EXPECT_EQ(faults_in("search: {resolv_conf: " + longest.path() + "}"), "");
  const TemporaryFile longer(std::string((64U << 10U) + 1, '\n'));
  EXPECT_THAT(faults_in("search: {resolv_conf: " + longer.path() + "}"), HasSubstr("is longer than 64 KiB; allowed: "));
}

TEST(ParseConfig, AListenerOfAnyPortIsNoUpstream) {
  EXPECT_EQ(faults_in("dns: {listen: \"127.0.0.1:0\"}\n"
                      "upstreams: {a: {protocol: udp, servers: [{address: \"127.0.0.1:53\"}]}}"),
            "");
}

TEST(ParseConfig, TheCaFileIsOnlyLookedForWhereItIsUsed) {
  EXPECT_EQ(faults_in("upstreams: {a: {protocol: tcp, servers: [{address: \"192.0.2.1:53\"}]}}"), "");
}

TEST(ParseConfig, PrintsTheFirstHundredFaults) {
  std::string yaml;
  for (int i = 0; i < 150; ++i) yaml += "unknown" + std::to_string(i) + ": 1\n";
  const auto faults = faults_in(yaml);
  EXPECT_EQ(std::ranges::count(faults, '\n'), 100);
  EXPECT_THAT(faults, testing::EndsWith("\nf.yaml: and 50 more"));
}

TEST(ParseConfig, RefusesAMappingOfTooManyKeys) {
  std::string yaml;
  for (int i = 0; i < 257; ++i) yaml += "unknown" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(faults_in(yaml), "f.yaml:1:1: has 257 keys; allowed: at most 256");
}

TEST(ParseConfig, RefusesWhatIsNestedTooDeeply) {
  EXPECT_THAT(faults_in(std::string(10'000, '[')), HasSubstr("nested too deeply"));
}

TEST(ParseConfig, RefusesMoreThanOneMebibyte) {
  EXPECT_EQ(faults_in(std::string((1U << 20U) + 1, '\n')), "f.yaml:1:1: has 1048577 bytes; allowed: at most 1 MiB");
  EXPECT_EQ(faults_in("{}" + std::string((1U << 20U) - 2, '\n')), "");
}

TEST(ParseConfig, RefusesWhatTakesMuchMemoryToReadBeforeItIsRead) {
  EXPECT_EQ(faults_in("routes: [" + std::string(100'000, ',') + "]"),
            "f.yaml:1:1: would take up to 54 MiB of memory to read; allowed: 16 MiB, which is enough for 15,000 values "
            "or records");
  std::string records =
      "upstreams: {public: {servers: [{address: \"192.0.2.1:853\", tls_name: a.example}]}}\nroutes:\n";
  for (const auto* const zone : {"a.example", "b.example"}) {
    records.append("  - zone: ").append(zone).append("\n    records:\n");
    for (int i = 0; i < 7'500; ++i) records += "      - \"n" + std::to_string(i) + " 300 IN AAAA 2001:db8::1\"\n";
  }
  EXPECT_EQ(faults_in(records), "");
}

TEST(ParseConfig, QuotesNoByteThatIsNoCharacter) {
  EXPECT_EQ(faults_in("a: \"\\\xD1\""),
            "f.yaml:1:7: not YAML: unknown escape character: ?; allowed: one YAML document");
  EXPECT_EQ(faults_in(std::string("a: \"\\\0\"", 7)),
            "f.yaml:1:7: not YAML: unknown escape character: ?; allowed: one YAML document");
}

TEST(LoadConfig, ReadsAFile) {
  const TemporaryFile file("threads: 3\n");
  EXPECT_EQ(load_config(file.path()).config.threads, 3U);
  EXPECT_EQ(load_config(file.path()).own_fingerprint, fingerprint_of_text("threads: 3\n"));
}

TEST(LoadConfig, NamesTheFileInItsFaults) {
  const TemporaryFile file("threads: 0\n");
  EXPECT_THROW(
      {
        try {
          static_cast<void>(load_config(file.path()));
        } catch (const ConfigError& error) {
          EXPECT_EQ(error.what(), file.path() + ":1:10: threads: `0` is out of range; allowed: 1 to 256");
          throw;
        }
      },
      ConfigError);
}

TEST(LoadConfig, AFileThatCannotBeReadIsAFault) {
  for (const auto& [path, reason] : {std::pair{"/nonexistent/pillion.yaml", "No such file or directory"},
                                     {"/", "Is a directory"},
                                     {"/dev/null", "it is not a regular file"}}) {
    try {
      static_cast<void>(load_config(path));
      ADD_FAILURE() << path << " was read";
    } catch (const ConfigError& error) {
      EXPECT_EQ(error.what(),
                std::string(path) + ":1:1: cannot be read: " + reason + "; allowed: a readable file of at most 1 MiB");
    }
  }
}

TEST(LoadConfig, AFileAboveOneMebibyteIsAFault) {
  const TemporaryFile file(std::string((1U << 20U) + 1, '\n'));
  EXPECT_THROW(static_cast<void>(load_config(file.path())), ConfigError);
}

}  // namespace
}  // namespace pillion::config
