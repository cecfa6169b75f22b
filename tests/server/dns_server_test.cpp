// Addresses that are added and removed while the server runs. The test turns the loop; data that was sent over loopback
// has arrived.

#include "server/dns_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <gtest/gtest.h>

#include "resolve/fakes.hpp"
#include "support/dns_client.hpp"
#include "support/silent_log.hpp"

namespace pillion::server {
namespace {

using std::chrono::milliseconds;
using test::StreamClient;
using test::UdpClient;

class DnsServerTest : public ::testing::Test {
 protected:
  ~DnsServerTest() override {
    while (!upstream->asked.empty()) upstream->fail();
    server.stop();
    loop.release_timer();
    loop.run();
    EXPECT_TRUE(server.is_stopped());
  }

  resolve::Setup setup() {
    auto holding = std::make_unique<resolve::testing::HoldingGroup>();
    upstream = holding.get();
    resolve::Setup made;
    made.groups.push_back(std::make_shared<resolve::UpstreamGroup>(
        resolve::UpstreamGroup{.name = "public", .encrypted = true, .group = std::move(holding)}));
    made.routes.push_back({.zone = {0}, .group = 0});
    made.cache = cache::Settings{};
    return made;
  }

  /// Listens on another port of the kernel's choice.
  config::Endpoint listen() {
    auto bound = bind_address({"127.0.0.1", 0}, PortUse::alone);
    const config::Endpoint endpoint{"127.0.0.1", bound.port};
    server.listen({.endpoint = endpoint, .bound = std::move(bound)});
    return endpoint;
  }
  void keep_only(const std::vector<config::Endpoint>& endpoints) {
    server.keep_only(endpoints, [this](int descriptor) { released.push_back(descriptor); });
  }
  /// Runs handlers until none is ready.
  void turn() {
    loop.io().restart();
    while (loop.io().poll() > 0) loop.io().restart();
  }
  /// Runs handlers until `holds()` is true. False if it is not within a time far longer than needed.
  template <typename Condition>
  bool turn_until(Condition holds) {
    const auto bound = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds() && std::chrono::steady_clock::now() < bound) {
      loop.io().restart();
      loop.io().run_for(milliseconds(10));
    }
    return holds();
  }
  static bool is_free(const config::Endpoint& endpoint) {
    try {
      static_cast<void>(bind_address(endpoint, PortUse::alone));
      return true;
    } catch (const BindError&) {
      return false;
    }
  }
  /// True if another process could get the datagrams of the address.
  static bool can_bind_with_reuse(const config::Endpoint& endpoint) {
    namespace ip = boost::asio::ip;
    boost::asio::io_context io;
    ip::udp::socket socket(io, ip::udp::v4());
    const int on = 1;
    for (const int option : {SO_REUSEADDR, SO_REUSEPORT})
      ::setsockopt(socket.native_handle(), SOL_SOCKET, option, &on, sizeof on);
    boost::system::error_code error;
    socket.bind({ip::make_address(endpoint.address), endpoint.port}, error);
    return !error;
  }
  /// The messages that the client has got so far.
  template <typename Client>
  std::optional<dns::Buffer> answer_of(Client& client) {
    turn();
    return client.receive(milliseconds(0));
  }
  static dns::Buffer query(std::string_view name) { return test::make_query(name, dns::type::a); }

  pillion::testing::SilentLog log;
  runtime::Loop loop{log};
  config::Config config;
  SharedLimits limits{config.dns.max_connections};
  runtime::MemoryShares memory;
  DnsMetrics metrics;
  resolve::testing::HoldingGroup* upstream = nullptr;
  resolve::Resolver resolver{loop, loop.random(), log, memory, setup()};
  DnsServer server{loop, config, limits, resolver, memory, metrics};
  std::vector<int> released;
};

TEST_F(DnsServerTest, AnAddressIsServedFromTheStartOnAndALaterOneAtOnce) {
  const auto first = listen();
  UdpClient early("127.0.0.1", first.port);
  early.send(query("first.example"));
  turn();
  EXPECT_TRUE(upstream->asked.empty());
  server.start();
  turn();
  EXPECT_EQ(upstream->asked.size(), 1U);

  const auto second = listen();
  EXPECT_EQ(server.addresses(), (std::vector{first, second}));
  UdpClient udp("127.0.0.1", second.port);
  udp.send(query("second.example"));
  StreamClient tcp("127.0.0.1", second.port);
  tcp.send_message(query("third.example"));
  turn();
  ASSERT_EQ(upstream->asked.size(), 3U);
  for (int i = 0; i < 3; ++i) upstream->answer_with_address();
  EXPECT_TRUE(answer_of(early));
  EXPECT_TRUE(answer_of(udp));
  EXPECT_TRUE(answer_of(tcp));
}

TEST_F(DnsServerTest, WhatIsKeptIsNotTouched) {
  const auto kept = listen();
  const auto goes = listen();
  server.start();
  StreamClient client("127.0.0.1", kept.port);
  turn();
  keep_only({kept, {"127.0.0.1", 1}});
  EXPECT_EQ(released.size(), 2U);
  EXPECT_EQ(server.addresses(), std::vector{kept});
  keep_only({kept});
  EXPECT_EQ(released.size(), 2U) << "nothing more goes";
  client.send_message(query("www.example"));
  turn();
  ASSERT_EQ(upstream->asked.size(), 1U);
  upstream->answer_with_address();
  EXPECT_TRUE(answer_of(client));
  EXPECT_EQ(client.ending(), StreamClient::Ending::open);
  EXPECT_TRUE(is_free(goes));
}

TEST_F(DnsServerTest, WhatTheKernelHadTakenInIsAnsweredAndThenTheAddressIsFree) {
  const auto kept = listen();
  const auto goes = listen();
  server.start();
  turn();
  // When the address is removed, none of these has been read, and the connection has not been accepted.
  UdpClient udp("127.0.0.1", goes.port);
  udp.send(query("udp.example"));
  StreamClient tcp("127.0.0.1", goes.port);
  tcp.send_message(query("tcp.example"));
  keep_only({kept});
  turn();
  ASSERT_EQ(upstream->asked.size(), 2U);
  EXPECT_FALSE(is_free(goes)) << "an answer has to leave from there yet";
  for (int i = 0; i < 2; ++i) upstream->answer_with_address();
  EXPECT_TRUE(answer_of(udp));
  EXPECT_TRUE(answer_of(tcp));
  EXPECT_EQ(tcp.drain(milliseconds(0)), StreamClient::Ending::end_of_stream);
  tcp.close();
  EXPECT_TRUE(turn_until([&] { return is_free(goes); }));
  EXPECT_TRUE(server.is_finished());
}

TEST_F(DnsServerTest, AnAnswerThatLeavesAtTheEndOfTheTurnStillHasItsSocket) {
  const auto first = listen();
  const auto second = listen();
  server.start();
  UdpClient client("127.0.0.1", first.port);
  client.send(query("www.example"));
  turn();
  keep_only({second});
  ASSERT_EQ(upstream->asked.size(), 1U);
  upstream->answer_with_address();
  // Closes what is not used any more.
  keep_only({});
  EXPECT_TRUE(answer_of(client));
  EXPECT_TRUE(turn_until([&] { return is_free(first); }));
}

TEST_F(DnsServerTest, AnIdleClientOfAnAddressThatGoesIsToldSo) {
  const auto goes = listen();
  server.start();
  StreamClient idle("127.0.0.1", goes.port);
  turn();
  keep_only({});
  turn();
  EXPECT_EQ(idle.drain(milliseconds(0)), StreamClient::Ending::end_of_stream);
  EXPECT_EQ(server.addresses(), std::vector<config::Endpoint>{});
  EXPECT_THROW(StreamClient("127.0.0.1", goes.port), std::exception);
}

TEST_F(DnsServerTest, AnAddressMayComeBackWhileAClientOfItsLastTimeStillWaits) {
  const auto endpoint = listen();
  server.start();
  StreamClient before("127.0.0.1", endpoint.port);
  before.send_message(query("before.example"));
  turn();
  ASSERT_EQ(upstream->asked.size(), 1U);
  keep_only({});
  turn();
  server.listen({.endpoint = endpoint, .bound = bind_address(endpoint, PortUse::alone)});
  StreamClient after("127.0.0.1", endpoint.port);
  after.send_message(query("after.example"));
  turn();
  ASSERT_EQ(upstream->asked.size(), 2U);
  for (int i = 0; i < 2; ++i) upstream->answer_with_address();
  EXPECT_TRUE(answer_of(before));
  EXPECT_TRUE(answer_of(after));
  EXPECT_EQ(before.drain(milliseconds(0)), StreamClient::Ending::end_of_stream);
  EXPECT_EQ(after.ending(), StreamClient::Ending::open);
}

TEST_F(DnsServerTest, AnAddressMayComeBackWhileADatagramOfItsLastTimeStillWaits) {
  const auto endpoint = listen();
  server.start();
  UdpClient before("127.0.0.1", endpoint.port);
  before.send(query("before.example"));
  turn();
  keep_only({});
  ASSERT_EQ(upstream->asked.size(), 1U);
  EXPECT_FALSE(is_free(endpoint));
  EXPECT_EQ(server.let_take_back(), std::vector{endpoint});
  EXPECT_FALSE(is_free(endpoint)) << "only sockets that are to take the address back may have it";
  server.listen({.endpoint = endpoint, .bound = bind_address(endpoint, PortUse::alone, Occupant::released)});
  EXPECT_FALSE(can_bind_with_reuse(endpoint)) << "nobody shares the address with the new socket";

  UdpClient after("127.0.0.1", endpoint.port);
  after.send(query("after.example"));
  before.send(query("again.example"));
  turn();
  ASSERT_EQ(upstream->asked.size(), 3U) << "the new socket gets all datagrams";
  for (int i = 0; i < 3; ++i) upstream->answer_with_address();
  EXPECT_TRUE(answer_of(after));
  EXPECT_TRUE(answer_of(before));
  EXPECT_TRUE(answer_of(before));
  keep_only({});
  EXPECT_TRUE(turn_until([&] { return is_free(endpoint); }));
}

/// More sessions than are looked at in one turn, and more of them while the others are looked at.
TEST_F(DnsServerTest, AShorterIdleTimeoutAppliesToClientsThatAreIdleAlready) {
  const auto endpoint = listen();
  server.start();
  StreamClient busy("127.0.0.1", endpoint.port);
  busy.send_message(query("www.example"));
  std::vector<std::unique_ptr<StreamClient>> idle;
  const auto connect = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) idle.push_back(std::make_unique<StreamClient>("127.0.0.1", endpoint.port));
  };
  connect(300);
  turn();
  ASSERT_EQ(upstream->asked.size(), 1U);
  config.dns.idle_timeout = std::chrono::hours(1);
  server.configure(config);
  config.dns.idle_timeout = milliseconds(1);
  server.configure(config);
  connect(300);
  EXPECT_TRUE(turn_until([&] { return metrics.idle_closes.value() == 600; })) << metrics.idle_closes.value();
  for (const auto& client : idle) EXPECT_EQ(client->drain(milliseconds(0)), StreamClient::Ending::end_of_stream);
  upstream->answer_with_address();
  EXPECT_TRUE(answer_of(busy));
}

/// The queries of clients that pipeline many wait in the clients' own sockets.
TEST_F(DnsServerTest, AQueryDoesNotWaitBehindAllThatGreedyClientsHaveSent) {
  const auto endpoint = listen();
  server.start();
  constexpr std::size_t greedy_clients = 2;
  constexpr std::size_t greedy_queries = 60;
  std::vector<std::unique_ptr<StreamClient>> greedy;
  for (std::size_t i = 0; i < greedy_clients; ++i)
    greedy.push_back(std::make_unique<StreamClient>("127.0.0.1", endpoint.port));
  StreamClient modest("127.0.0.1", endpoint.port);
  turn();
  for (std::size_t i = 0; i < greedy_clients; ++i) {
    dns::Buffer all;
    for (std::size_t number = 0; number < greedy_queries; ++number)
      dns::append(all, test::framed(query("greedy-" + std::to_string(i) + "-" + std::to_string(number) + ".example")));
    greedy[i]->send(all);
  }
  modest.send_message(query("modest.example"));
  ASSERT_TRUE(turn_until([&] { return upstream->asked.size() == greedy_clients * greedy_queries + 1; }))
      << "each session goes on by itself";
  std::vector<std::string> asked;
  for (const auto& each : upstream->asked) asked.push_back(each.name);
  EXPECT_LT(std::ranges::find(asked, "modest.example.") - asked.begin(),
            std::ptrdiff_t{2} * TurnWork::max_upstream_queries);
  for (std::size_t i = 0; i < greedy_clients; ++i) {
    const auto last = "greedy-" + std::to_string(i) + "-" + std::to_string(greedy_queries - 1) + ".example.";
    EXPECT_GT(std::ranges::find(asked, last) - asked.begin(),
              std::ptrdiff_t{greedy_clients} * (greedy_queries - TurnWork::max_upstream_queries) - 1)
        << "they took turns";
  }
}

/// Bytes after the message are invalid, also those beyond the buffer for a datagram.
TEST_F(DnsServerTest, ADatagramThatTheKernelHasCutIsMalformed) {
  const auto endpoint = listen();
  server.start();
  constexpr std::size_t buffer = 4096;
  const auto without = test::make_query("www.example", dns::type::a, {.edns = true, .padding = 1}).size() - 1;
  auto whole = test::make_query("www.example", dns::type::a, {.edns = true, .padding = buffer - without});
  ASSERT_EQ(whole.size(), buffer);
  UdpClient client("127.0.0.1", endpoint.port);
  client.send(whole);
  EXPECT_FALSE(answer_of(client));
  EXPECT_EQ(upstream->asked.size(), 1U);

  whole.push_back(0);
  client.send(whole);
  const auto answer = answer_of(client);
  ASSERT_TRUE(answer);
  EXPECT_EQ(test::rcode_of(*answer), dns::rcode::formerr);
  EXPECT_EQ(upstream->asked.size(), 1U);
}

}  // namespace
}  // namespace pillion::server
