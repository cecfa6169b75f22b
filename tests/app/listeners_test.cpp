// UDP, address families, binding.

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;
using test::StreamClient;
using testing::ask;
using testing::receive_many;
using testing::send_many;
using testing::ShardRunner;

/// The upstream is plain TCP, since these tests are about the clients' side.
class Listeners : public ::testing::Test {
 protected:
  test::DotServer server{{.settings = {}, .tls = false, .plain = true}};
  config::Config config = testing::make_config(config::Protocol::tcp, {server.plain_port()});
};

TEST_F(Listeners, UdpClientsAreAnswered) {
  const ShardRunner shard(config);
  test::UdpClient client("127.0.0.1", shard.port());
  for (std::uint16_t id = 0; id < 100; ++id) client.send(test::make_query("www.example", dns::type::a, {.id = id}));
  std::vector<std::uint16_t> ids;
  for (int i = 0; i < 100; ++i) {
    const auto answer = client.receive();
    ASSERT_TRUE(answer);
    ids.push_back(test::id_of(*answer));
  }
  std::ranges::sort(ids);
  std::vector<std::uint16_t> expected(100);
  std::iota(expected.begin(), expected.end(), std::uint16_t{0});
  EXPECT_EQ(ids, expected);
}

TEST_F(Listeners, UdpAnswersAreCutToWhatTheClientTakes) {
  const ShardRunner shard(config);
  test::UdpClient client("127.0.0.1", shard.port());
  const auto answer_to = [&](const dns::Buffer& query) {
    client.send(query);
    return client.receive().value_or(dns::Buffer(12));
  };
  const auto plain = answer_to(test::make_query("txt600.example", dns::type::txt));
  EXPECT_TRUE(test::is_truncated(plain));
  EXPECT_LE(plain.size(), 512U);
  EXPECT_EQ(test::answers_of(plain), 0);
  const auto larger =
      answer_to(test::make_query("txt600.example", dns::type::txt, {.edns = true, .udp_payload = 1232}));
  EXPECT_FALSE(test::is_truncated(larger));
  EXPECT_EQ(test::answers_of(larger), 1);
  const auto beyond_ours =
      answer_to(test::make_query("txt2000.example", dns::type::txt, {.edns = true, .udp_payload = 4096}));
  EXPECT_TRUE(test::is_truncated(beyond_ours)) << "never more than dns.udp_payload";
  EXPECT_EQ(shard.server().truncated.value(), 2U);
  EXPECT_EQ(ask(shard, "txt2000.example", dns::type::txt).answers, 1) << "over TCP it is whole";
}

TEST_F(Listeners, ListensOnIpv6Too) {
  config.dns.listen = {{"::1", 0}};
  std::optional<ShardRunner> shard;
  try {
    shard.emplace(config);
  } catch (const server::BindError& error) {
    GTEST_SKIP() << error.what();
  }
  StreamClient client("::1", shard->port());
  send_many(client, 1);
  EXPECT_EQ(receive_many(client, 1).size(), 1U);
  test::UdpClient udp("::1", shard->port());
  udp.send(test::make_query("www.example", dns::type::a));
  EXPECT_TRUE(udp.receive());
  const auto family = server::IpFamily::ipv6;
  EXPECT_EQ(shard->server().connections[family].value(), 1);
}

TEST_F(Listeners, AWildcardAddressAnswersFromWhereItWasAsked) {
  config.dns.listen = {{"0.0.0.0", 0}};
  const ShardRunner shard(config);
  test::UdpClient client("127.0.0.2", shard.port());  // connected: the kernel drops datagrams from another address
  client.send(test::make_query("www.example", dns::type::a));
  EXPECT_TRUE(client.receive());
}

TEST_F(Listeners, AnAddressThatIsTakenIsABindError) {
  const ShardRunner shard(config);
  config.dns.listen = {{"127.0.0.1", shard.port()}};
  try {
    const ShardRunner second(config);
    FAIL() << "bound twice";
  } catch (const server::BindError& error) {
    EXPECT_NE(std::string(error.what()).find("127.0.0.1:" + std::to_string(shard.port())), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace pillion::app
