#include "config/load.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/temporary_file.hpp"

namespace pillion::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::string faults_of(const std::string& yaml) {
  try {
    static_cast<void>(parse_config(yaml, "f.yaml"));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return {};
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
  EXPECT_EQ(upstream.policy, Policy::fastest);
  EXPECT_EQ(upstream.timeout, 4s);
  EXPECT_THAT(upstream.servers, ElementsAre(Server{{"1.1.1.1", 853}, "cloudflare-dns.com", {}},
                                            Server{{"9.9.9.9", 853}, "dns.quad9.net", {}}));
  EXPECT_EQ(upstream.tls.ca_file, "/etc/ssl/certs/ca-certificates.crt");
  EXPECT_EQ(upstream.tls.min_version, TlsVersion::tls1_2);
  EXPECT_EQ(upstream.tls.client_cert, "");
  EXPECT_EQ(upstream.tls.client_key, "");
  EXPECT_EQ(upstream.padding, 128U);

  EXPECT_THAT(config.routes, ElementsAre(Route{".", "public"}));
  EXPECT_THAT(config.http.listen, ElementsAre(Endpoint{"0.0.0.0", 9153}));
  EXPECT_EQ(config.log.level, LogLevel::info);
  EXPECT_EQ(config.log.format, LogFormat::json);
  EXPECT_EQ(config.threads, 1U);
  EXPECT_EQ(config.drain_timeout, 25s);
}

TEST(ParseConfig, AnEmptyDocumentIsTheDefaults) {
  for (const auto* const yaml : {"", "---\n", "# nothing\n", "{}", "~"})
    EXPECT_EQ(parse_config(yaml, "f.yaml"), default_config());
}

TEST(ParseConfig, WhatIsNotGivenKeepsItsDefault) {
  auto expected = default_config();
  expected.threads = 2;
  expected.log.level = LogLevel::debug;
  EXPECT_EQ(parse_config("threads: 2\nlog: {level: debug}", "f.yaml"), expected);
}

TEST(ParseConfig, TakesOneListenerOrAList) {
  EXPECT_THAT(parse_config("dns: {listen: 127.0.0.1:53}", "f.yaml").dns.listen, ElementsAre(Endpoint{"127.0.0.1", 53}));
  EXPECT_THAT(parse_config(R"(dns: {listen: ["127.0.0.1:53", "[0::1]:53"]})", "f.yaml").dns.listen,
              ElementsAre(Endpoint{"127.0.0.1", 53}, Endpoint{"::1", 53}));
}

TEST(ParseConfig, PortZeroMayBeListenedOnTwice) {
  EXPECT_EQ(parse_config(R"(dns: {listen: ["127.0.0.1:0", "127.0.0.1:0"]})", "f.yaml").dns.listen.size(), 2U);
}

TEST(ParseConfig, AnEmptyHttpListenerIsNone) {
  EXPECT_TRUE(parse_config(R"(http: {listen: ""})", "f.yaml").http.listen.empty());
}

TEST(ParseConfig, ReadsEveryWordOfAChoice) {
  const auto upstream_with = [](const std::string& keys) {
    return parse_config("upstreams: {a: {servers: [{address: \"192.0.2.1:53\"}], " + keys + "}}", "f.yaml")
        .upstreams.front();
  };
  EXPECT_EQ(upstream_with("protocol: tls").protocol, Protocol::tls);
  EXPECT_EQ(upstream_with("protocol: tcp").protocol, Protocol::tcp);
  EXPECT_EQ(upstream_with("protocol: udp").protocol, Protocol::udp);
  EXPECT_EQ(upstream_with("policy: fastest").policy, Policy::fastest);
  EXPECT_EQ(upstream_with("policy: sequential").policy, Policy::sequential);
  EXPECT_EQ(upstream_with("policy: round_robin").policy, Policy::round_robin);
  EXPECT_EQ(upstream_with("policy: random").policy, Policy::random);
  EXPECT_EQ(upstream_with("tls: {min_version: \"1.2\"}").tls.min_version, TlsVersion::tls1_2);
  EXPECT_EQ(upstream_with("tls: {min_version: 1.3}").tls.min_version, TlsVersion::tls1_3);
  const auto log_with = [](const std::string& keys) { return parse_config("log: {" + keys + "}", "f.yaml").log; };
  EXPECT_EQ(log_with("level: debug").level, LogLevel::debug);
  EXPECT_EQ(log_with("level: info").level, LogLevel::info);
  EXPECT_EQ(log_with("level: warn").level, LogLevel::warn);
  EXPECT_EQ(log_with("level: error").level, LogLevel::error);
  EXPECT_EQ(log_with("format: json").format, LogFormat::json);
  EXPECT_EQ(log_with("format: text").format, LogFormat::text);
}

TEST(ParseConfig, TheOnlyUpstreamIsTheRoute) {
  const auto config =
      parse_config("upstreams: {home: {protocol: udp, servers: [{address: \"192.0.2.1:53\"}]}}", "f.yaml");
  EXPECT_THAT(config.routes, ElementsAre(Route{".", "home"}));
}

TEST(ParseConfig, OfSeveralUpstreamsTheOneNamedPublicIsTheRoute) {
  constexpr auto yaml = R"(
upstreams:
  cluster: {protocol: udp, servers: [{address: "192.0.2.1:53"}]}
  public: {protocol: udp, servers: [{address: "192.0.2.2:53"}]}
)";
  const auto config = parse_config(yaml, "f.yaml");
  EXPECT_THAT(config.routes, ElementsAre(Route{".", "public"}));
  EXPECT_EQ(config.upstreams.front().name, "cluster");
}

TEST(ParseConfig, AnchorsAndAliasesAreFollowed) {
  constexpr auto yaml = R"(
upstreams:
  a: &a {protocol: tcp, servers: [{address: "192.0.2.1:53"}]}
  public: *a
)";
  const auto config = parse_config(yaml, "f.yaml");
  ASSERT_EQ(config.upstreams.size(), 2U);
  EXPECT_EQ(config.upstreams[1].servers, config.upstreams[0].servers);
}

TEST(ParseConfig, TheCacheMayBeOff) {
  EXPECT_EQ(parse_config("cache: {size: 0}", "f.yaml"), default_config());
  EXPECT_EQ(parse_config("cache: {size: 0MiB}", "f.yaml"), default_config());
}

TEST(ParseConfig, TheCaFileIsOnlyLookedForWhereItIsUsed) {
  EXPECT_EQ(faults_of("upstreams: {a: {protocol: tcp, servers: [{address: \"192.0.2.1:53\"}]}}"), "");
}

TEST(ParseConfig, PrintsTheFirstHundredFaults) {
  std::string yaml;
  for (int i = 0; i < 150; ++i) yaml += "unknown" + std::to_string(i) + ": 1\n";
  const auto faults = faults_of(yaml);
  EXPECT_EQ(std::ranges::count(faults, '\n'), 100);
  EXPECT_THAT(faults, testing::EndsWith("\nf.yaml: and 50 more"));
}

TEST(ParseConfig, RefusesAMappingOfTooManyKeys) {
  std::string yaml;
  for (int i = 0; i < 257; ++i) yaml += "unknown" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(faults_of(yaml), "f.yaml:1:1: has 257 keys; allowed: at most 256");
}

TEST(ParseConfig, RefusesWhatIsNestedTooDeeply) {
  EXPECT_THAT(faults_of(std::string(100'000, '[')), HasSubstr("nested too deeply"));
}

TEST(ParseConfig, RefusesMoreThanOneMebibyte) {
  EXPECT_EQ(faults_of(std::string((1U << 20U) + 1, '\n')), "f.yaml:1:1: has 1048577 bytes; allowed: at most 1 MiB");
  EXPECT_EQ(faults_of(std::string(1U << 20U, '\n')), "");
}

TEST(LoadConfig, ReadsAFile) {
  const TemporaryFile file("threads: 3\n");
  EXPECT_EQ(load_config(file.path()).threads, 3U);
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
  for (const auto& [path, reason] :
       {std::pair{"/nonexistent/pillion.yaml", "No such file or directory"}, {"/", "Is a directory"}}) {
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
