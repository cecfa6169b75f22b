#include "config/restart_keys.hpp"

#include <algorithm>
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/keys.hpp"

namespace pillion::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// The keys that a reload applies. A mapping stands for its keys.
constexpr std::array reloadable{
    "dns.listen",
    "dns.idle_timeout",
    "dns.udp_payload",
    "dns.reject_non_utf8_names",
    "upstreams.NAME",
    "routes",
    "cache.min_ttl",
    "cache.max_ttl",
    "cache.max_negative_ttl",
    "cache.serve_stale",
    "cache.failure_ttl",
    "cache.nxdomain_cut",
    "cache.prefetch",
    "cache.rotate",
    "search",
    "clients.ban_after",
    "clients.ban_for",
    "reload",
    "admin.read_only",
    "admin.recent",
    "log.level",
    "drain_timeout",
    "drain_quiet",
    "drain_min",
};

bool is_reloadable(std::string_view path) {
  return std::ranges::any_of(reloadable, [&](std::string_view listed) {
    return path.starts_with(listed) &&
           (path.size() == listed.size() || path[listed.size()] == '.' || path[listed.size()] == '[');
  });
}

TEST(RestartKeys, AreKeysInTheTablesOrder) {
  std::vector<std::string_view> in_order;
  const auto listed = restart_keys();
  for (const auto& known : keys()) {
    if (std::ranges::find(listed, known.path) != listed.end()) in_order.push_back(known.path);
  }
  EXPECT_EQ(in_order, listed);
}

TEST(RestartKeys, AndThoseThatAReloadAppliesAreAllKeys) {
  const auto listed = restart_keys();
  for (const auto& known : keys()) {
    if (known.kind == KeyKind::mapping) continue;
    const bool needs_restart = std::ranges::find(listed, known.path) != listed.end();
    EXPECT_NE(needs_restart, is_reloadable(known.path))
        << known.path << ": can it be changed while running, or not? It stands in "
        << (needs_restart ? "both lists" : "neither list");
  }
}

struct Change {
  void (*make)(Config& config);
  std::string fault;
};

class RestartFaults : public testing::TestWithParam<Change> {};

TEST_P(RestartFaults, NameTheKeyBothValuesAndTheRemedy) {
  const auto before = default_config();
  auto after = before;
  GetParam().make(after);
  EXPECT_THAT(restart_faults(before, after), ElementsAre(GetParam().fault + "; restart to apply"));
}

const std::array changes{
    Change{[](Config& config) { config.dns.max_connections = 5; }, "dns.max_connections: is 5 and was 4096"},
    Change{[](Config& config) { config.dns.max_connections_per_client = 6; },
           "dns.max_connections_per_client: is 6 and was 1024"},
    Change{[](Config& config) { config.dns.max_in_flight_per_connection = 7; },
           "dns.max_in_flight_per_connection: is 7 and was 1000"},
    Change{[](Config& config) { config.cache.size = 0; }, "cache.size: is 0 and was 4MiB"},
    Change{[](Config& config) { config.clients.ipv6_prefix = 64; }, "clients.ipv6_prefix: is 64 and was 128"},
    Change{[](Config& config) { config.http.listen.clear(); }, R"(http.listen: is "" and was 0.0.0.0:9153)"},
    Change{[](Config& config) { config.http.listen.push_back({"::", 9153}); },
           "http.listen: is 0.0.0.0:9153, [::]:9153 and was 0.0.0.0:9153"},
    Change{[](Config& config) { config.admin.listen.clear(); }, R"(admin.listen: is "" and was 127.0.0.1:9154)"},
    Change{[](Config& config) { config.log.format = LogFormat::text; }, "log.format: is text and was json"},
    Change{[](Config& config) { config.log.fields = LogNames::ecs; }, "log.fields: is ecs and was short"},
    Change{[](Config& config) { config.dnstap.output = "unix:/s"; }, R"(dnstap.output: is unix:/s and was "")"},
    Change{[](Config& config) { config.dnstap.client = false; }, "dnstap.client: is false and was true"},
    Change{[](Config& config) { config.dnstap.forwarder = false; }, "dnstap.forwarder: is false and was true"},
    Change{[](Config& config) { config.dnstap.identity = "i"; }, R"(dnstap.identity: is i and was "")"},
    Change{[](Config& config) { config.syslog.output = "udp:192.0.2.1:514"; },
           R"(syslog.output: is udp:192.0.2.1:514 and was "")"},
    Change{[](Config& config) { config.syslog.ca_file = "/ca.pem"; },
           "syslog.ca_file: is /ca.pem and was /etc/ssl/certs/ca-certificates.crt"},
    Change{[](Config& config) { config.query_log.output = "stderr"; }, R"(query_log.output: is stderr and was "")"},
    Change{[](Config& config) { config.query_log.fields = {QueryLogField::message_id, QueryLogField::source}; },
           "query_log.fields: is dns.id, pillion.source and was []"},
    Change{[](Config& config) { config.query_log.sample = 50'000'000; }, "query_log.sample: is 0.05 and was 1"},
    Change{[](Config& config) { config.query_log.names = LoggedNames::hashed; },
           "query_log.names: is hashed and was plain"},
    Change{[](Config& config) { config.query_log.key_file = "/k"; }, R"(query_log.key_file: is /k and was "")"},
    Change{[](Config& config) { config.memory = std::size_t{32} << 20U; }, "memory: is 32MiB and was auto"},
    Change{[](Config& config) { config.threads = 2; }, "threads: is 2 and was 1"},
};

INSTANTIATE_TEST_SUITE_P(EachKey, RestartFaults, testing::ValuesIn(changes));

TEST(RestartFaultsTable, HasEveryKey) {
  for (const auto key : restart_keys()) {
    EXPECT_TRUE(std::ranges::any_of(changes, [&](const Change& change) {
      return change.fault.starts_with(std::string(key) + ": ");
    })) << key;
  }
}

TEST(RestartFaultsOfAll, AreInTheTablesOrder) {
  const auto before = default_config();
  auto after = before;
  after.threads = 2;
  after.cache.size = 0;
  EXPECT_THAT(restart_faults(before, after), ElementsAre("cache.size: is 0 and was 4MiB; restart to apply",
                                                         "threads: is 2 and was 1; restart to apply"));
}

TEST(RestartFaultsOfNone, WhereOnlyWhatAReloadAppliesDiffers) {
  const auto before = default_config();
  auto after = before;
  after.dns.listen.push_back({"::1", 8053});
  after.dns.udp_payload = 512;
  after.upstreams.front().padding = 0;
  after.cache.max_ttl = std::chrono::seconds(1);
  after.log.level = LogThreshold::debug;
  EXPECT_THAT(restart_faults(before, after), IsEmpty());
}

}  // namespace
}  // namespace pillion::config
