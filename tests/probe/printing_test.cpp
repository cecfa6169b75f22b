// The table, JSON and YAML of servers whose figures are known.

#include <algorithm>
#include <sstream>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "probe/choice.hpp"
#include "probe/json.hpp"
#include "probe/samples.hpp"
#include "probe/table.hpp"

namespace pillion::probe {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::failed_figures;
using testing::good_figures;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::sample_server;
using testing::sample_target;

std::vector<ProbedServer> three_servers() {
  auto warned = good_figures(8ms);
  warned.in_flight = InFlightFigures{.served = 1, .is_limit = true};
  warned.padding.reset();
  warned.tls->resumed.reset();
  warned.tls->chain[0].subject = "CN=" + std::string(90, 'n');
  return ranked(
      {sample_server(sample_target("192.0.2.1"), good_figures()),
       sample_server(sample_target("2001:db8:1111:2222:3333:4444:5555:6666",
                                   "a-resolver-with-a-very-long-name.of-some-operator.example"),
                     warned),
       sample_server(sample_target("192.0.2.3"), failed_figures(upstream::Error::connect_refused, "refused"))});
}

TEST(Table, FitsEightyColumns) {
  std::istringstream table(to_table(three_servers()));
  std::size_t lines = 0;
  for (std::string line; std::getline(table, line); ++lines) {
    EXPECT_LE(line.size(), 80U) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
  EXPECT_GT(lines, 20U);
}

TEST(Table, RanksAndSaysWhatWasMeasured) {
  const auto table = to_table(three_servers());
  EXPECT_THAT(table, HasSubstr("\n 1  192.0.2.1:853            12.3    6.70   5.20   10.4   24.0   48.0    8929\n"));
  EXPECT_THAT(table, HasSubstr("\n -  192.0.2.3:853         failed: see below\n"));
  EXPECT_THAT(table, AllOf(HasSubstr("sha256/AAAA"), HasSubstr("90 days left"), HasSubstr("multiples of 468 bytes"),
                           HasSubstr("closed after 10.0 s; keepalive states 30.0 s"),
                           HasSubstr("9 (DNSKEY Missing), 6 (DNSSEC Bogus)"), HasSubstr("failed: connection refused")));
}

TEST(Json, NamesUnitsAndLeavesNothingOut) {
  const auto text = to_json(three_servers());
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  const auto servers = boost::json::parse(text).at("servers").as_array();
  ASSERT_EQ(servers.size(), 3U);
  const auto& first = servers[0].as_object();
  EXPECT_EQ(first.at("server"), "192.0.2.1:853");
  EXPECT_TRUE(first.at("passed").as_bool());
  EXPECT_DOUBLE_EQ(first.at("tls").at("full_handshake_ms").as_double(), 12.345);
  EXPECT_EQ(first.at("tls").at("days_left"), 90);
  EXPECT_DOUBLE_EQ(first.at("hot").at("p95_ms").as_double(), 10.4);
  EXPECT_EQ(first.at("in_flight").at("served_at_once"), 64);
  EXPECT_EQ(first.at("padding_block_bytes"), 468);
  EXPECT_DOUBLE_EQ(first.at("idle_closed_after_ms").as_double(), 10'000);
  const auto& last = servers[2].as_object();
  EXPECT_FALSE(last.at("passed").as_bool());
  EXPECT_EQ(last.at("error"), "connect_refused");
  EXPECT_TRUE(last.at("pipelined").is_null());
  EXPECT_EQ(first.size(), last.size()) << "each has every key";
}

TEST(Choice, HasTheGoodServersInTheirOrder) {
  auto known = config::default_config();
  const auto servers = three_servers();
  known.upstreams[0].servers.clear();
  for (const auto& server : servers)
    known.upstreams[0].servers.insert(known.upstreams[0].servers.begin(), server.target.server);
  const auto chosen = chosen_upstreams(known.upstreams, servers);
  ASSERT_EQ(chosen.size(), 1U);
  ASSERT_EQ(chosen[0].servers.size(), 2U) << "one has failed";
  EXPECT_EQ(chosen[0].servers[0].endpoint.address, "192.0.2.1");

  const auto yaml = chosen_yaml(known.upstreams, known.routes, servers);
  EXPECT_THAT(yaml, AllOf(HasSubstr("# 192.0.2.3:853 left out: connection refused\n"),
                          HasSubstr("# 192.0.2.1:853 may be pinned: \"sha256/AAAA"), Not(HasSubstr("cache"))));
  EXPECT_EQ(config::parse_config(yaml, "chosen").config.upstreams, chosen) << yaml;
}

TEST(Choice, KeepsAnUpstreamOfWhichAllHaveFailed) {
  const auto known = config::default_config();
  auto target = sample_target("1.1.1.1");
  const std::vector<ProbedServer> servers{sample_server(target, failed_figures(upstream::Error::connect_timeout, ""))};
  EXPECT_EQ(chosen_upstreams(known.upstreams, servers), known.upstreams);
  EXPECT_THAT(chosen_yaml(known.upstreams, known.routes, servers),
              HasSubstr("# 1.1.1.1:853 has failed, and the upstream has no other server: connect timed out"));
}

}  // namespace
}  // namespace pillion::probe
