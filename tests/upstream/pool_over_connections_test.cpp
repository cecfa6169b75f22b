// Pools with real connections: behaviour that depends on both.

#include <deque>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "upstream/datagram_channel.hpp"
#include "upstream/datagram_connection.hpp"
#include "upstream/event_recorder.hpp"
#include "upstream/fake_datagrams.hpp"
#include "upstream/pool_fixture.hpp"
#include "upstream/socket_stream.hpp"
#include "upstream/stream_fixture.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using testing::FakeDatagrams;
using testing::PoolTest;
using testing::reply_to;
using testing::StreamConnectionTest;
using testing::TestQuery;

TEST_F(PoolTest, OwnRetireInDoubtIsNoFailureOfTheServer) {
  server.max_in_flight = 1;
  start_ready();
  submit_all(0, 2);
  newest().become_ready();
  ASSERT_EQ(server.connections.size(), 2U);
  auto& c1 = connection(1);
  connection(0).end(Error::reset);  // in doubt
  ASSERT_TRUE(health().is_up());
  queries[1].holder->abandon(queries[1]);
  c1.retire();  // our own close: of a replaced or idle connection, or of a lane with an abandoned suspect
  EXPECT_TRUE(health().is_up()) << "our own close was booked on the server";
  EXPECT_TRUE(queries[0].errors.empty());
}

TEST_F(PoolTest, OwnCloseIsNoIdleCloseOfTheServer) {
  start_proven();
  connection(0).retire();
  EXPECT_EQ(metrics.idle_closes.value(), 0U);
}

TEST_F(PoolTest, FailoverIsNoReplay) {
  start_ready();
  queries[0].was_lost = true;  // with a connection of another server
  submit(queries[0]);
  EXPECT_EQ(metrics.replays.value(), 0U);
}

TEST_F(PoolTest, EdnsOffEndsUnderLoad) {
  start_ready();
  edns->off_until = now() + 10min;
  time.pass(10min - 1ms);
  submit(queries[0]);
  time.pass(2ms);
  ASSERT_TRUE(profile().knows_edns(now()));
  connection(0).answer(queries[0]);
  EXPECT_TRUE(profile().knows_edns(now())) << "renewed by a query that was in flight when the ten minutes ended";
}

TEST_F(PoolTest, SlowSuspectsDoNotHoldUpTheOthers) {
  start_proven();
  submit_all(0, 20);
  connection(0).end(Error::reset);
  server.turn();
  open_all();
  for (int i = 0; i < 10; ++i) {
    for (std::size_t c = 0; c < server.connections.size(); ++c)
      for (std::size_t q = 2; q < 20; ++q)
        if (queries[q].is_open() && queries[q].holder == &connection(c)) connection(c).answer(queries[q]);
    for (std::size_t c = 0; c < server.connections.size(); ++c) connection(c).answer_probe();
    open_all();
    time.pass(300ms);
  }
  int open = 0;
  for (std::size_t q = 2; q < 20; ++q) open += queries[q].is_open();
  EXPECT_EQ(open, 0) << "other queries wait behind two that are slow";
}

TEST_F(StreamConnectionTest, ProvingEndsAlthoughAProbeWasIgnoredBefore) {
  open();
  become_impatient();
  submit(0);
  time.pass(profile.patience() + 1ms);
  answer(0);  // but not the probe
  time.pass(10s);
  stream->take_messages();
  events.take();
  connection->prove(time.clock().now());
  time.pass(1h);
  EXPECT_NE(state(), ConnectionState::proving);
}

TEST_F(PoolTest, ServerDownForGoodBehindSuchAConnection) {
  server.max_in_flight = 1;
  start_proven();
  submit(queries[0]);
  submit(queries[1]);
  newest().end(Error::connect_refused);
  ASSERT_FALSE(health().is_up());
  connection(0).answer(queries[0]);
}

TEST_F(StreamConnectionTest, ThoseOnADrainingConnectionThatFallsSilentAreToldToo) {
  open();
  become_impatient();
  submit(0);
  connection->retire();
  time.pass(3 * profile.patience());
  EXPECT_EQ(queries[0].delays, 1);
}

TEST_F(StreamConnectionTest, ADuplicateReplyIsNotBookedOnTheOnlyQuery) {
  open();
  submit(0);
  const auto dup = reply_to(queries[0], queries[0].id);
  stream->send(dup);
  TestQuery other("other.example");
  connection->submit(other, time.clock().now());
  stream->send(dup);
  EXPECT_TRUE(other.is_open()) << "a reply to www.example fails other.example";
  if (other.is_open()) connection->abandon(other);
}

class Datagram : public ::testing::Test {
 protected:
  pillion::testing::HandTurned time;
  runtime::MemoryShare memory;
  testing::SilentLog log;
  ConnectionLimits limits;
  std::uint16_t last_id = 100;
  std::vector<FakeDatagrams*> sockets;
  ServerMetrics metrics, tcp_metrics;
  std::shared_ptr<EdnsSupport> edns = std::make_shared<EdnsSupport>();
  std::unique_ptr<Pool> make_pool(ServerMetrics& m) {
    return std::make_unique<Pool>(
        PoolContext{.schedule = time, .log = log, .random = [] { return 0.5; }},
        ServerReport(log, m, "cluster", "192.0.2.1:53", true), ServerProfile(edns),
        PoolSettings{.protocol = config::Protocol::udp},
        [this](ConnectionEvents& events, ServerProfile& profile) -> std::unique_ptr<Connection> {
          return std::make_unique<DatagramConnection>(
              time, [this] { return ++last_id; }, Encoding{.framed = false}, limits, profile, events,
              [this](DatagramEvents& e) {
                auto s = std::make_unique<FakeDatagrams>(e);
                sockets.push_back(s.get());
                return s;
              });
        });
  }
};
TEST_F(Datagram, AbandonOfATransferDoesNotFailIt) {
  limits.queries_per_port = 1;
  DatagramChannel channel(time, memory, make_pool(metrics), make_pool(tcp_metrics));
  channel.start();
  sockets.at(0)->become_open();
  TestQuery a("a.example"), b("b.example");
  ASSERT_EQ(channel.submit(a, time.clock().now()), std::nullopt);  // port 0, which is retiring after it
  sockets.at(1)->become_open();                                    // port 0 drains
  ASSERT_EQ(channel.submit(b, time.clock().now()), std::nullopt);
  sockets.at(2)->become_open();  // port 1 drains
  time.pass(500ms);
  sockets.at(1)->fail(Error::connect_refused);  // ICMP: in doubt; b is a suspect
  for (std::size_t i = 3; i < sockets.size(); ++i) sockets[i]->become_open();
  sockets.at(2)->fail(Error::connect_refused);
  time.turn_to(1050ms);  // a is sent again, and waits for a connection
  ASSERT_TRUE(a.is_open());
  a.holder->abandon(a);  // another server was quicker
  EXPECT_TRUE(a.errors.empty()) << "failed although it was abandoned";
  TestQuery x("x.example"), y("y.example");
  static_cast<void>(channel.submit(x, time.clock().now()));
  static_cast<void>(channel.submit(y, time.clock().now()));
  EXPECT_NE(x.holder, y.holder) << "one Transfer for two queries: released twice";
}

TEST_F(Datagram, TheFirstSendingIsNotForgotten) {
  DatagramChannel channel(time, memory, make_pool(metrics), make_pool(tcp_metrics));
  channel.start();
  sockets.at(0)->become_open();
  TestQuery a("a.example");
  ASSERT_EQ(channel.submit(a, time.clock().now()), std::nullopt);
  // A server that takes 2.5 s for each query in a datagram, and knows the root's name servers.
  std::vector<std::pair<runtime::Duration, dns::Buffer>> owed;
  while (time.elapsed() < 4s && a.is_open()) {
    time.pass(10ms);
    for (auto* s : std::vector(sockets.begin(), sockets.begin() + 1))
      for (auto& m : s->take_sent()) {
        const bool probe = m[dns::header_size] == 0;
        owed.emplace_back(time.elapsed() + (probe ? 0ms : 2490ms), testing::reply_to_written(m));
      }
    for (auto& [at, m] : owed)
      if (at == time.elapsed()) sockets[0]->send(m);
  }
  EXPECT_EQ(a.replies, 1);
}

TEST_F(Datagram, AServerThatIsSlowForTheRootComesBack) {
  DatagramChannel channel(time, memory, make_pool(metrics), make_pool(tcp_metrics));
  channel.start();
  sockets.at(0)->fail(Error::connect_refused);
  // From now on it answers everything except the root, like CoreDNS without a connection to its own upstream.
  std::deque<TestQuery> queries;
  int answered = 0;
  std::size_t opened = 1;
  while (time.elapsed() < 30s) {
    time.pass(100ms);
    auto& q = queries.emplace_back("db.default.svc.cluster.local");
    static_cast<void>(channel.submit(q, time.clock().now()));
    for (; opened < sockets.size(); ++opened) sockets[opened]->become_open();
    auto* s = sockets.back();
    for (auto& m : s->take_sent())
      if (m[dns::header_size] != 0) s->send(testing::reply_to_written(m));
  }
  for (auto& q : queries) answered += q.replies;
  EXPECT_GT(answered, 200);
}

TEST_F(Datagram, AnIdlePortIsNotUsedAfterItsLifetime) {
  DatagramChannel channel(time, memory, make_pool(metrics), make_pool(tcp_metrics));
  channel.start();
  sockets.at(0)->become_open();
  time.pass(1h);
  TestQuery a("a.example");
  ASSERT_EQ(channel.submit(a, time.clock().now()), std::nullopt);
  EXPECT_EQ(sockets[0]->take_sent().size(), 0U) << "asked from a port that is an hour old";
}

struct Released final : StreamEvents {
  void connected() override {}
  void opened(const Handshake&) override { is_open = true; }
  std::size_t arrived(dns::Bytes bytes) override { return bytes.size(); }
  bool expects_more() const override { return false; }
  void ended(std::optional<Error>, std::string) override {}
  void released() override { stream.reset(); }
  bool is_open = false;
  std::unique_ptr<PlainSocketStream> stream;
};
TEST(SocketStream, CloseBehindTheEndOfAShutdown) {
  namespace asio = boost::asio;
  for (int hops = 0; hops < 12; ++hops) {
    testing::SilentLog log;
    runtime::Loop loop{log};
    asio::io_context io;
    asio::ip::tcp::acceptor acceptor{io, {asio::ip::make_address("127.0.0.1"), 0}};
    Released events;
    events.stream = std::make_unique<PlainSocketStream>(loop, acceptor.local_endpoint(), events);
    events.stream->open();
    while (!events.is_open) loop.io().run_one();
    events.stream->shut_down();
    std::function<void(int)> hop = [&](int left) {
      if (!events.stream) return;
      if (left == 0) return events.stream->close();  // close_timeout
      asio::post(loop.io(), [&hop, left] { hop(left - 1); });
    };
    asio::post(loop.io(), [&hop, hops] { hop(hops); });
    loop.run();
  }
}
}  // namespace
}  // namespace pillion::upstream
