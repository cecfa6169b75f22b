// The number of system calls for a query while nothing else happens.

#include <map>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"
#include "app/system_calls.hpp"

namespace pillion::app {
namespace {

using testing::ShardRunner;
using testing::TlsSetup;

constexpr std::size_t queries = 100;
constexpr std::size_t calls_per_query = 8;
// Room for timers, and for events that a busy machine delivers one by one.
constexpr std::size_t calls_by_the_way = queries / 4;

std::string text(const std::map<std::string, std::size_t>& counts) {
  std::ostringstream out;
  for (const auto& [name, count] : counts) out << ' ' << name << ' ' << count;
  return out.str();
}

/// Counts the system calls of the shard's thread while `ask` is called for each of many names.
template <typename Ask>
void expect_few_calls(ShardRunner& shard, Ask ask) {
  for (std::size_t i = 0; i < 10; ++i) ask("warm" + std::to_string(i) + ".example");
  shard.in_loop(testing::count_my_system_calls);
  for (std::size_t i = 0; i < queries; ++i) ask("q" + std::to_string(i) + ".example");
  const auto counts = testing::system_calls();
  std::size_t sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  EXPECT_GE(sum, 4 * queries) << "not all is counted:" << text(counts);
  EXPECT_LE(sum, calls_per_query * queries + calls_by_the_way) << text(counts);
}

void expect_few_calls_over_tcp(const config::Config& config) {
  ShardRunner shard(config);
  auto client = shard.connect();
  expect_few_calls(shard, [&](const std::string& name) {
    client.send_message(test::make_query(name, dns::type::a));
    ASSERT_TRUE(client.receive());
  });
}

TEST(IsolatedQuery, OfATcpClientOverTlsMakesEightSystemCalls) {
  const TlsSetup setup;
  expect_few_calls_over_tcp(setup.config);
}

TEST(IsolatedQuery, OfAUdpClientOverTlsMakesEightSystemCalls) {
  const TlsSetup setup;
  ShardRunner shard(setup.config);
  test::UdpClient client("127.0.0.1", shard.port());
  expect_few_calls(shard, [&](const std::string& name) {
    client.send(test::make_query(name, dns::type::a));
    ASSERT_TRUE(client.receive());
  });
}

TEST(IsolatedQuery, OverPlainTcpMakesEightSystemCalls) {
  const test::DotServer server({.settings = {}, .tls = false, .plain = true});
  expect_few_calls_over_tcp(testing::make_config(config::Protocol::tcp, {server.plain_port()}));
}

TEST(IsolatedQuery, OverUdpMakesEightSystemCalls) {
  const test::DotServer server({.settings = {}, .tls = false, .plain = true});
  expect_few_calls_over_tcp(testing::make_config(config::Protocol::udp, {server.plain_port()}));
}

}  // namespace
}  // namespace pillion::app
