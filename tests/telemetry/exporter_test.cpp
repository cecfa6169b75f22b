#include "telemetry/exporter.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>

#include "runtime/metric.hpp"

namespace pillion::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Not;
using testing::StartsWith;

/// Two shards, an upstream "public" of two TLS servers and, if wanted, an upstream "cluster" of one plain server.
class ExporterTest : public testing::Test {
 protected:
  explicit ExporterTest(bool cluster = false) {
    sources_.shards = {&servers_[0], &servers_[1]};
    sources_.resolvers = {&resolvers_[0], &resolvers_[1]};
    sources_.caches = {&caches_[0], &caches_[1]};
    sources_.searches = true;
    sources_.asks_in_the_clear = true;
    sources_.bans = true;
    add_server("public", "1.1.1.1:853", true);
    add_server("public", "9.9.9.9:853", true);
    if (cluster) add_server("cluster", "10.96.0.10:53", false);
    reloads_.loaded_at.set(1767225600);
    reloads_.succeeded.add(3);
    reloads_.last_failed.set(true);
    sources_.reloads = &reloads_;
    resolvers_[1].generations.set(2);
    sources_.config_hash = "0123456789ab";
    sources_.tls_upstreams.push_back(
        {.name = "public", .authorities = 142, .client_not_after = std::chrono::sys_seconds(1800000000s)});
    sources_.max_connections = 4096;
    sources_.max_in_flight = 16'384;
    sources_.cache_limit = std::size_t{4} << 20U;
    sources_.memory_limit = std::size_t{48} << 20U;
    sources_.memory_program = 11'000'000;
    sources_.memory = {&memory_[0], &memory_[1]};
    sources_.sinks = {{.name = "query_log", .written = [] { return 8U; }, .dropped = [] { return 9U; }}};
    sources_.log_lines_dropped = [] { return std::uint64_t{7}; };
    sources_.build = {"0.1.0", "abc\"def", "OpenSSL 3.0.20"};
  }

  void add_server(std::string upstream, std::string server, bool tls) {
    const auto& a = upstreams_.emplace_back();
    const auto& b = upstreams_.emplace_back();
    sources_.upstream_servers.push_back({std::move(upstream), std::move(server), tls, {&a, &b}});
  }

  /// Sets every counter of every shard to `n`.
  void fill(std::uint64_t n) {
    for (auto& m : servers_) {
      for (auto& by_family : m.requests) {
        for (auto& by_type : by_family) {
          for (auto& counter : by_type) counter.add(n);
        }
      }
      for (auto& by_source : m.responses) {
        for (auto& counter : by_source) counter.add(n);
      }
      for (auto& histogram : m.request_duration) histogram.observe(3ms);
      for (auto& counter : m.invalid) counter.add(n);
      for (auto& counter : m.refused) counter.add(n);
      for (auto& gauge : m.connections) gauge.add(static_cast<double>(n));
      for (auto* counter : {&m.connections_accepted, &m.datagrams_dropped, &m.accept_errors, &m.idle_closes,
                            &m.displaced, &m.bans, &m.responses_undelivered, &m.truncated}) {
        counter->add(n);
      }
      m.clients_tracked.add(static_cast<double>(n));
      m.clients_banned.add(static_cast<double>(n));
      m.in_flight.add(static_cast<double>(n));
    }
    for (auto& m : resolvers_) {
      for (auto* counter : {&m.coalesced, &m.prefetches, &m.search_walks, &m.search_withheld, &m.forwarding_loops})
        counter->add(n);
    }
    for (auto& m : caches_) {
      m.entries.set(static_cast<double>(n));
      m.bytes.set(static_cast<double>(n));
      for (auto* counter : {&m.hits, &m.misses, &m.stale, &m.insertions, &m.evictions, &m.expired}) counter->add(n);
    }
    for (auto& m : upstreams_) {
      for (auto& counter : m.responses) counter.add(n);
      for (auto& counter : m.failures) counter.add(n);
      for (auto& gauge : m.connections) gauge.add(static_cast<double>(n));
      m.in_flight.add(static_cast<double>(n));
      runtime::NewestGauge::Setter(m.up, 1);
      m.request_duration.observe(12ms);
      m.handshake_duration.observe(30ms);
      m.certificate_not_after.set(1800000000);
      for (auto* counter : {&m.handshakes_full, &m.handshakes_resumed, &m.handshakes_failed, &m.connections_opened,
                            &m.idle_closes, &m.replays, &m.plaintext_queries}) {
        counter->add(n);
      }
      m.tls_connections.add("TLSv1.3", "x25519", "TLS_AES_256_GCM_SHA384");
    }
  }

  [[nodiscard]] std::string text() const { return Exporter(sources_).text(); }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::istringstream in(text());
    std::vector<std::string> result;
    for (std::string line; std::getline(in, line);) result.push_back(line);
    return result;
  }
  [[nodiscard]] std::vector<std::string> series() const {
    auto result = lines();
    std::erase_if(result, [](const auto& line) { return line.starts_with('#'); });
    return result;
  }
  [[nodiscard]] std::vector<std::string> series_of(std::string_view name) const {
    auto result = series();
    std::erase_if(result, [&](const auto& line) {
      return !line.starts_with(name) || (line[name.size()] != '{' && line[name.size()] != ' ');
    });
    return result;
  }

  std::deque<server::DnsMetrics> servers_ = std::deque<server::DnsMetrics>(2);
  std::deque<resolve::ResolverMetrics> resolvers_ = std::deque<resolve::ResolverMetrics>(2);
  std::deque<cache::CacheMetrics> caches_ = std::deque<cache::CacheMetrics>(2);
  std::array<runtime::MemoryShares, 2> memory_;
  std::deque<upstream::ServerMetrics> upstreams_;
  Sources::Reloads reloads_;
  Sources sources_;
};

class ExporterWithCluster : public ExporterTest {
 protected:
  ExporterWithCluster() : ExporterTest(true) {}
};

TEST_F(ExporterWithCluster, EmitsEveryDeclaredMetricAndNothingElse) {
  fill(1);
  const auto families = Exporter(sources_).Collect();
  std::vector<std::string_view> emitted;
  for (const auto& family : families) emitted.push_back(family.name);
  const auto declarations = declared_metrics();
  std::vector<std::string_view> declared_names;
  for (const auto& declaration : declarations) declared_names.push_back(declaration.name);
  EXPECT_EQ(emitted, declared_names) << "in the tables' order";

  for (const auto& family : families) {
    const auto declaration =
        *std::ranges::find(declarations, std::string_view(family.name), &runtime::MetricDeclaration::name);
    for (const auto& metric : family.metric) {
      ASSERT_EQ(metric.label.size(), declaration.label_count()) << family.name;
      for (std::size_t i = 0; i < metric.label.size(); ++i) {
        EXPECT_EQ(metric.label[i].name, declaration.labels.at(i)) << family.name;
        EXPECT_FALSE(metric.label[i].value.empty()) << family.name;
      }
    }
  }
}

TEST_F(ExporterWithCluster, NoSeriesTwice) {
  fill(1);
  auto names = series();
  for (auto& line : names) line.erase(line.rfind(' '));
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

TEST_F(ExporterTest, TableNamesFollowTheConventions) {
  const auto declarations = declared_metrics();
  for (const auto& declaration : declarations) {
    const bool counter = declaration.type == runtime::MetricType::counter;
    EXPECT_EQ(declaration.name.ends_with("_total"), counter) << declaration.name;
    EXPECT_TRUE(declaration.name.starts_with("pillion_") || declaration.name.starts_with("process_"))
        << declaration.name;
    if (declaration.type == runtime::MetricType::histogram) {
      EXPECT_TRUE(declaration.name.ends_with("_seconds"));
    }
    EXPECT_TRUE(declaration.help.ends_with('.')) << declaration.name;
    EXPECT_EQ(std::ranges::count(declarations, declaration.name, &runtime::MetricDeclaration::name), 1)
        << declaration.name;
  }
}

TEST_F(ExporterTest, SumsTheShards) {
  servers_[0].requests[1][0][7].add(3);  // tcp, ipv4, AAAA
  servers_[1].requests[1][0][7].add(4);
  servers_[0].connections[1].set(2);
  servers_[1].connections[1].set(5);
  upstreams_[0].failures[0].add(10);
  upstreams_[1].failures[0].add(1);
  upstreams_[2].failures[13].add(1);
  const auto all = lines();
  EXPECT_THAT(all, Contains(R"(pillion_dns_requests_total{proto="tcp",family="ipv4",type="AAAA"} 7)"));
  EXPECT_THAT(all, Contains(R"(pillion_client_connections{family="ipv6"} 7)"));
  EXPECT_THAT(all, Contains(R"(pillion_client_connections{family="ipv4"} 0)"));
  EXPECT_THAT(
      all,
      Contains(
          R"(pillion_upstream_failures_total{upstream="public",server="1.1.1.1:853",reason="connect_refused"} 11)"));
  EXPECT_THAT(
      all, Contains(R"(pillion_upstream_failures_total{upstream="public",server="9.9.9.9:853",reason="timeout"} 1)"));
  EXPECT_THAT(all, Contains("pillion_log_lines_dropped_total 7"));
  EXPECT_THAT(all, Contains(R"(pillion_sink_records_written_total{sink="query_log"} 8)"));
  EXPECT_THAT(all, Contains(R"(pillion_sink_records_dropped_total{sink="query_log"} 9)"));
  EXPECT_THAT(all, Contains("pillion_config_last_reload_success_timestamp_seconds 1767225600"));
  EXPECT_THAT(all, Contains("pillion_config_last_reload_successful 0"));
  EXPECT_THAT(all, Contains("pillion_config_reloads_total{result=\"success\"} 3"));
  EXPECT_THAT(all, Contains("pillion_config_generations 2"));
  EXPECT_THAT(all, Contains("pillion_config_info{hash=\"0123456789ab\"} 1"));
  EXPECT_THAT(all, Contains("pillion_ca_certificates{upstream=\"public\"} 142"));
  EXPECT_THAT(all, Contains("pillion_client_certificate_not_after_timestamp_seconds{upstream=\"public\"} 1800000000"));
  EXPECT_THAT(all, Contains(R"(pillion_build_info{version="0.1.0",commit="abc\"def",openssl="OpenSSL 3.0.20"} 1)"));
}

TEST_F(ExporterTest, HistogramsAreCumulativeSumsOverTheShards) {
  servers_[0].request_duration[0].observe(20us);
  servers_[0].request_duration[0].observe(3ms);
  servers_[1].request_duration[0].observe(3ms);
  servers_[1].request_duration[0].observe(10s);
  const auto all = lines();
  EXPECT_THAT(all, Contains(R"(pillion_dns_request_duration_seconds_bucket{source="cache",le="2.5e-05"} 1)"));
  EXPECT_THAT(all, Contains(R"(pillion_dns_request_duration_seconds_bucket{source="cache",le="0.0005"} 1)"));
  EXPECT_THAT(all, Contains(R"(pillion_dns_request_duration_seconds_bucket{source="cache",le="0.01"} 3)"));
  EXPECT_THAT(all, Contains(R"(pillion_dns_request_duration_seconds_bucket{source="cache",le="4"} 3)"));
  EXPECT_THAT(all, Contains(R"(pillion_dns_request_duration_seconds_bucket{source="cache",le="+Inf"} 4)"));
  EXPECT_THAT(all, Contains(R"(pillion_dns_request_duration_seconds_count{source="cache"} 4)"));
  EXPECT_THAT(all, Contains(StartsWith(R"(pillion_dns_request_duration_seconds_sum{source="cache"} 10.0060)")));
}

TEST_F(ExporterTest, SparseFamiliesKeepOneSeriesOfZero) {
  EXPECT_THAT(series_of("pillion_dns_requests_total"), testing::SizeIs(1));
  EXPECT_THAT(series_of("pillion_dns_responses_total"), testing::SizeIs(1));
  EXPECT_THAT(series_of("pillion_upstream_hedges_total"), testing::SizeIs(1));
  EXPECT_THAT(series_of("pillion_dns_request_duration_seconds_count"), testing::SizeIs(1));
  upstreams_[0].hedges[1].add();
  EXPECT_THAT(series_of("pillion_upstream_hedges_total"), testing::ElementsAre(testing::EndsWith(" 1")));
  upstreams_[2].hedges[0].add();
  EXPECT_THAT(series_of("pillion_upstream_hedges_total"), testing::SizeIs(2));
}

TEST_F(ExporterWithCluster, ReasonsThatAlertsChooseAreThereFromTheStart) {
  const auto reasons = [](std::initializer_list<std::string_view> names, const std::string& before) {
    std::vector<std::string> lines;
    for (const auto name : names) lines.push_back(before + "reason=\"" + std::string(name) + "\"} 0");
    return lines;
  };
  EXPECT_THAT(series_of("pillion_dns_rejected_total"),
              testing::ElementsAreArray(reasons({"connection_limit", "client_limit", "client_share", "in_flight_limit",
                                                 "output_limit", "memory_limit"},
                                                "pillion_dns_rejected_total{")));
  std::vector<std::string> refused;
  for (const auto* const server : {"1.1.1.1:853", "9.9.9.9:853"}) {
    const auto of_server =
        reasons({"certificate_expired", "certificate_name", "certificate_untrusted", "certificate_invalid",
                 "pin_mismatch", "alpn_mismatch"},
                std::string(R"(pillion_upstream_failures_total{upstream="public",server=")") + server + R"(",)");
    refused.insert(refused.end(), of_server.begin(), of_server.end());
  }
  EXPECT_THAT(series_of("pillion_upstream_failures_total"), testing::ElementsAreArray(refused))
      << "none for a server in the clear, which shows no certificate";
}

TEST_F(ExporterTest, LimitsAreThoseOfTheProcessOrWhatTheShardsMemoryHolds) {
  for (auto& m : servers_) {
    m.connections_limit.set(4096);
    m.in_flight_limit.set(500);
  }
  const auto all = lines();
  EXPECT_THAT(all, Contains("pillion_client_connections_limit 4096"));
  EXPECT_THAT(all, Contains("pillion_dns_in_flight_limit 1000"));
  EXPECT_THAT(all, Contains("pillion_cache_limit_bytes 4194304"));
}

TEST_F(ExporterTest, TheTimeOfStaleAnswersIsShownOnceThereWasOne) {
  sources_.serve_stale = 3600s;
  EXPECT_THAT(series_of("pillion_cache_serve_stale_seconds"), testing::IsEmpty());
  caches_[1].stale.add();
  EXPECT_THAT(lines(), Contains("pillion_cache_serve_stale_seconds 3600"));
}

TEST_F(ExporterTest, AServerIsUpWhileAnyShardUsesIt) {
  runtime::NewestGauge::Setter(upstreams_[1].up, 1);
  EXPECT_THAT(series_of("pillion_upstream_up"),
              testing::ElementsAre(R"(pillion_upstream_up{upstream="public",server="1.1.1.1:853"} 1)",
                                   R"(pillion_upstream_up{upstream="public",server="9.9.9.9:853"} 0)"));
}

TEST_F(ExporterTest, CertificatesAppearOnceSeenAndTheSoonestEndCounts) {
  constexpr auto name = "pillion_upstream_certificate_not_after_timestamp_seconds";
  EXPECT_THAT(series_of(name), testing::IsEmpty());
  EXPECT_THAT(text(), Not(testing::HasSubstr(name)));
  upstreams_[0].certificate_not_after.set(1800000000);
  EXPECT_THAT(series_of(name), testing::SizeIs(1));
  upstreams_[1].certificate_not_after.set(1700000000);
  EXPECT_THAT(series_of(name),
              testing::ElementsAre(std::string(name) + R"({upstream="public",server="1.1.1.1:853"} 1700000000)"));
}

TEST_F(ExporterWithCluster, PlaintextIsShownForEveryUpstreamAndTlsForTlsServersOnly) {
  upstreams_[4].plaintext_queries.add(3);
  upstreams_[5].plaintext_queries.add(4);
  EXPECT_THAT(series_of("pillion_plaintext_queries_total"),
              testing::ElementsAre(R"(pillion_plaintext_queries_total{upstream="public"} 0)",
                                   R"(pillion_plaintext_queries_total{upstream="cluster"} 7)"));
  for (const auto& line : series()) {
    if (line.starts_with("pillion_tls_")) {
      EXPECT_EQ(line.find("10.96.0.10"), std::string::npos) << line;
    }
  }
  EXPECT_THAT(series_of("pillion_tls_handshakes_total"), testing::SizeIs(6));
}

TEST_F(ExporterTest, HandshakesByResultAndResumption) {
  upstreams_[0].handshakes_full.add(1);
  upstreams_[0].handshakes_resumed.add(2);
  upstreams_[1].handshakes_failed.add(3);
  const std::string prefix = R"(pillion_tls_handshakes_total{upstream="public",server="1.1.1.1:853",)";
  const auto all = lines();
  EXPECT_THAT(all, Contains(prefix + R"(result="success",resumed="false"} 1)"));
  EXPECT_THAT(all, Contains(prefix + R"(result="success",resumed="true"} 2)"));
  EXPECT_THAT(all, Contains(prefix + R"(result="failure",resumed="false"} 3)"));
}

TEST_F(ExporterTest, HandshakesHaveNoSeriesForTimesThatAreTooShort) {
  upstreams_[0].handshake_duration.observe(50us);
  upstreams_[1].handshake_duration.observe(30ms);
  auto buckets = series_of("pillion_tls_handshake_duration_seconds_bucket");
  std::erase_if(buckets, [](const auto& line) { return line.find("1.1.1.1") == std::string::npos; });
  ASSERT_THAT(buckets, testing::SizeIs(5));
  EXPECT_THAT(buckets[0], testing::EndsWith(R"(le="0.01"} 1)"));
  EXPECT_THAT(buckets[1], testing::EndsWith(R"(le="0.1"} 2)"));
  EXPECT_THAT(series_of("pillion_tls_handshake_duration_seconds_count")[0], testing::EndsWith("} 2"));
}

TEST_F(ExporterTest, TlsConnectionsByWhatWasAgreedOnAppearOnceMade) {
  constexpr auto name = "pillion_tls_connections_total";
  EXPECT_THAT(series_of(name), testing::IsEmpty());
  upstreams_[0].tls_connections.add("TLSv1.3", "x25519", "TLS_AES_256_GCM_SHA384");
  upstreams_[0].tls_connections.add("TLSv1.2", "", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  // The other shard has the servers in another order.
  upstreams_[1].tls_connections.add("TLSv1.2", "secp256r1", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  upstreams_[1].tls_connections.add("TLSv1.3", "x25519", "TLS_AES_256_GCM_SHA384");
  const auto prefix = std::string(name) + R"({upstream="public",server="1.1.1.1:853",)";
  constexpr auto suite = R"(cipher="TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"} 1)";
  EXPECT_THAT(series_of(name), testing::UnorderedElementsAre(
                                   prefix + R"(version="TLSv1.3",group="x25519",cipher="TLS_AES_256_GCM_SHA384"} 2)",
                                   prefix + R"(version="TLSv1.2",group="none",)" + suite,
                                   prefix + R"(version="TLSv1.2",group="secp256r1",)" + suite));
}

TEST_F(ExporterTest, ConnectionsWithoutPostQuantumGroups) {
  upstreams_[1].group_fallbacks.add(2);
  EXPECT_THAT(series_of("pillion_tls_group_fallbacks_total"),
              testing::ElementsAre(R"(pillion_tls_group_fallbacks_total{upstream="public",server="1.1.1.1:853"} 2)",
                                   R"(pillion_tls_group_fallbacks_total{upstream="public",server="9.9.9.9:853"} 0)"));
}

TEST_F(ExporterTest, FewerThan200SeriesForTwoUpstreamServersInUse) {
  sources_.bans = false;
  sources_.asks_in_the_clear = false;
  sources_.sinks.clear();
  // A busy pod: the usual types over both transports, a few RCODEs, some faults.
  for (auto& m : servers_) {
    for (const std::size_t transport : {0U, 1U}) {
      for (const std::size_t type : {0U, 4U, 6U, 7U, 8U, 13U}) m.requests[transport][0][type].add(5);
    }
    for (const std::size_t rcode : {0U, 2U, 3U}) m.responses[rcode][0].add(5);
    m.responses[5][1].add();
    // All sources except the cluster's DNS, since there is no unencrypted upstream.
    for (const std::size_t source : {0U, 1U, 2U, 4U}) m.request_duration[source].observe(1ms);
    for (const std::size_t i : {0U, 7U}) m.invalid[i].add();
    for (const std::size_t i : {0U, 5U, 6U}) m.refused[i].add();
  }
  for (auto& m : upstreams_) {
    for (const std::size_t rcode : {0U, 2U, 3U}) m.responses[rcode].add(5);
    for (const std::size_t i : {3U, 11U, 13U}) m.failures[i].add();
    m.certificate_not_after.set(1800000000);
    m.request_duration.observe(10ms);
    for (auto& hedges : m.hedges) hedges.add();
    m.tls_connections.add("TLSv1.3", "x25519", "TLS_AES_256_GCM_SHA384");
  }
  const auto all = series();
  const auto count = static_cast<std::size_t>(
      std::ranges::count_if(all, [](const auto& line) { return line.starts_with("pillion_"); }));
  RecordProperty("series", static_cast<int>(count));
  EXPECT_LT(count, 200U);
}

TEST_F(ExporterTest, MemoryIsWhatAllShardsHold) {
  memory_[0].output.take_anyway(100);
  memory_[1].output.take_anyway(20);
  caches_[0].bytes.set(5000);
  const auto all = lines();
  EXPECT_THAT(all, Contains("pillion_memory_limit_bytes 50331648"));
  EXPECT_THAT(all, Contains("pillion_memory_used_bytes{what=\"output\"} 120"));
  EXPECT_THAT(all, Contains("pillion_memory_used_bytes{what=\"cache\"} 5000"));
  EXPECT_THAT(all, Contains("pillion_memory_used_bytes{what=\"program\"} 11000000"));
}

TEST_F(ExporterTest, ShardsOfTheCacheAndTheResolverAreSummed) {
  caches_[0].hits.add(3);
  caches_[1].hits.add(4);
  caches_[1].entries.set(5);
  resolvers_[0].coalesced.add(6);
  const auto all = lines();
  EXPECT_THAT(all, Contains("pillion_cache_hits_total 7"));
  EXPECT_THAT(all, Contains("pillion_cache_entries 5"));
  EXPECT_THAT(all, Contains("pillion_dns_coalesced_total 6"));
  sources_.searches = false;
  sources_.bans = false;
  sources_.asks_in_the_clear = false;
  EXPECT_TRUE(series_of("pillion_search_walks_total").empty()) << "only where there is a search list";
  EXPECT_TRUE(series_of("pillion_forwarding_loops_total").empty()) << "only where an upstream is not encrypted";
}

TEST_F(ExporterTest, ReplacedSourcesAreWhatIsRead) {
  Exporter exporter(sources_);
  auto other = sources_;
  other.upstream_servers.pop_back();
  exporter.replace(other);
  EXPECT_EQ(exporter.text().find("9.9.9.9"), std::string::npos);
  EXPECT_NE(exporter.text().find("1.1.1.1"), std::string::npos);
}

TEST_F(ExporterTest, WithoutOptionalSourcesTheirFamiliesAreAbsent) {
  sources_ = {};
  const auto out = text();
  EXPECT_EQ(out.find("pillion_upstream"), std::string::npos);
  EXPECT_EQ(out.find("pillion_config"), std::string::npos);
  EXPECT_EQ(out.find("pillion_log"), std::string::npos);
  EXPECT_NE(out.find("process_cpu_seconds_total"), std::string::npos);
}

std::string run_promtool(const std::string& metrics, int& status) {
  const std::string path = testing::TempDir() + "pillion_metrics_" + std::to_string(::getpid());
  FILE* file = std::fopen(path.c_str(), "w");
  EXPECT_NE(file, nullptr);
  std::fwrite(metrics.data(), 1, metrics.size(), file);
  std::fclose(file);
  FILE* pipe = ::popen(("promtool check metrics <" + path + " 2>&1").c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
  status = ::pclose(pipe);
  std::remove(path.c_str());
  return output;
}

TEST_F(ExporterWithCluster, PromtoolHasNothingToSay) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool is not installed (Debian package prometheus)";
  }
  int status = -1;
  EXPECT_EQ(run_promtool(text(), status), "") << "when nothing has happened yet";
  EXPECT_EQ(status, 0);
  fill(3);
  EXPECT_EQ(run_promtool(text(), status), "") << "when everything has happened";
  EXPECT_EQ(status, 0);
  run_promtool("pillion_bad 1\n", status);
  EXPECT_NE(status, 0) << "promtool would not have noticed anything";
}

}  // namespace
}  // namespace pillion::telemetry
