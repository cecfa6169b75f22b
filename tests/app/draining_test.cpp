// The end of a shard, as its clients see it.

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;
using test::Counters;
using test::StreamClient;
using testing::eventually;
using testing::receive_many;
using testing::send_many;
using testing::ShardRunner;
using Ending = StreamClient::Ending;

class Draining : public ::testing::Test {
 protected:
  /// The client's data is in the kernel when the drain begins, since the loop does not turn in between.
  static void drain_behind(ShardRunner& shard, const DrainTerms& terms, const std::function<void()>& send) {
    shard.in_loop([&] {
      send();
      shard.drain(terms);
    });
  }

  test::DotServer server{{.settings = {}, .tls = false, .plain = true}};
  config::Config config = testing::make_config(config::Protocol::tcp, {server.plain_port()});
};

TEST_F(Draining, AnswersWhatIsUnderWayAndTakesNoNewClients) {
  server.on_query({.name = "q*", .hold = true});
  ShardRunner shard(config);
  auto client = shard.connect();
  send_many(client, 20);
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 20; }));
  shard.drain({.timeout = 60s});
  EXPECT_TRUE(eventually([&] {
    try {
      // The connection is refused, or reset from the kernel's queue. If it was still accepted, try again.
      return shard.connect().drain(100ms) != Ending::timeout;
    } catch (const std::system_error&) {
      return true;
    }
  }));
  // Connected clients are still answered, and are asked to close (RFC 7828 section 3.4).
  client.send_message(test::make_query("www.example", dns::type::a, {.id = 999, .keepalive = true}));
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(test::id_of(*answer), 999);
  EXPECT_EQ(dns::keepalive_timeout(dns::read_edns(dns::MessageView::parse(*answer).value()).options), 0);
  EXPECT_FALSE(shard.is_done());
  server.release();
  EXPECT_EQ(receive_many(client, 20).size(), 20U);
  EXPECT_TRUE(eventually([&] { return shard.is_done(); })) << "long before the timeout";
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
  EXPECT_EQ(shard.undelivered(), 0U);
}

TEST_F(Draining, EndsWithItsTimeoutAndCountsWhatItThrowsAway) {
  server.on_query({.name = "q*", .hold = true});
  ShardRunner shard(config);
  auto client = shard.connect();
  send_many(client, 3);
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 3; }));
  shard.drain({.timeout = 100ms});
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
  EXPECT_TRUE(eventually([&] { return shard.is_done(); }));
  EXPECT_EQ(shard.undelivered(), 3U);
  EXPECT_EQ(shard.server().responses_undelivered.value(), 3U);
}

TEST_F(Draining, MessagesThatWaitForTheirTurnAreAnsweredFirst) {
  config.dns.max_in_flight_per_connection = 2;
  ShardRunner shard(config);
  auto client = shard.connect();
  ASSERT_TRUE(eventually([&] { return shard.server().connections[0].value() == 1; }));
  drain_behind(shard, {.timeout = 60s}, [&] { send_many(client, 20); });
  EXPECT_EQ(receive_many(client, 20).size(), 20U);
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
  EXPECT_TRUE(eventually([&] { return shard.is_done(); }));
  EXPECT_EQ(shard.undelivered(), 0U);
}

TEST_F(Draining, AnswersQueriesThatAreInTheKernelWhenItEnds) {
  ShardRunner shard(config);
  auto client = shard.connect();
  test::UdpClient udp("127.0.0.1", shard.port());
  ASSERT_TRUE(eventually([&] { return shard.server().connections[0].value() == 1; }));
  constexpr std::uint16_t count = 100;
  drain_behind(shard, {.timeout = 60s}, [&] {
    send_many(client, 1);
    for (std::uint16_t id = 0; id < count; ++id)
      udp.send(test::make_query("n" + std::to_string(id) + ".example", dns::type::a, {.id = id}));
  });
  EXPECT_EQ(receive_many(client, 1).size(), 1U);
  std::vector<std::uint16_t> ids;
  while (ids.size() < count) {
    const auto answer = udp.receive();
    ASSERT_TRUE(answer) << ids.size() << " answers";
    ids.push_back(test::id_of(*answer));
  }
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
  EXPECT_TRUE(eventually([&] { return shard.is_done(); }));
  EXPECT_EQ(shard.undelivered(), 0U);
}

TEST_F(Draining, WithoutTimeAnswersWhatItKnows) {
  ShardRunner shard(config);
  auto client = shard.connect();
  test::UdpClient udp("127.0.0.1", shard.port());
  ASSERT_TRUE(eventually([&] { return shard.server().connections[0].value() == 1; }));
  drain_behind(shard, {}, [&] {
    client.send_message(test::make_query("localhost", dns::type::a, {.id = 1}));
    udp.send(test::make_query("localhost", dns::type::a, {.id = 2}));
  });
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(test::id_of(*answer), 1);
  EXPECT_TRUE(udp.receive());
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
}

TEST_F(Draining, TakesClientsThatWaitToBeAccepted) {
  ShardRunner shard(config);
  std::vector<StreamClient> clients;
  drain_behind(shard, {.timeout = 60s}, [&] {
    for (int i = 0; i < 50; ++i) {
      clients.push_back(shard.connect());
      send_many(clients.back(), 1);
    }
  });
  for (auto& client : clients) {
    EXPECT_EQ(receive_many(client, 1).size(), 1U);
    EXPECT_EQ(client.drain(), Ending::end_of_stream);
  }
  EXPECT_TRUE(eventually([&] { return shard.is_done(); }));
}

TEST_F(Draining, HalfOfAMessageHoldsNobodyUp) {
  ShardRunner shard(config);
  auto client = shard.connect();
  const auto query = test::framed(test::make_query("www.example", dns::type::a));
  ASSERT_TRUE(client.send(dns::Bytes(query).first(20)));
  ASSERT_TRUE(eventually([&] { return shard.server().connections[0].value() == 1; }));
  shard.drain({.timeout = 1h});
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
  EXPECT_TRUE(eventually([&] { return shard.is_done(); }));
  EXPECT_EQ(shard.undelivered(), 0U);
}

TEST_F(Draining, AClientThatHasClosedItsEndGetsItsAnswers) {
  server.on_query({.name = "q*", .hold = true});
  ShardRunner shard(config);
  auto client = shard.connect();
  send_many(client, 5);
  client.finish_sending();
  ASSERT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 5; }));
  shard.drain({.timeout = 60s});
  server.release();
  EXPECT_EQ(receive_many(client, 5).size(), 5U);
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
  EXPECT_TRUE(eventually([&] { return shard.is_done(); }));
}

TEST_F(Draining, TheWildcardAddressIsLeftInTheSameWay) {
  config.dns.listen = {{"0.0.0.0", 0}};
  ShardRunner shard(config);
  test::UdpClient udp("127.0.0.2", shard.port());  // connected: the kernel drops datagrams from another address
  drain_behind(shard, {.timeout = 60s}, [&] { udp.send(test::make_query("www.example", dns::type::a, {.id = 7})); });
  const auto answer = udp.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(test::id_of(*answer), 7);
}

}  // namespace
}  // namespace pillion::app
