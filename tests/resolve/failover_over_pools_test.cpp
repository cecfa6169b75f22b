// A group with real pools and connections: behaviour that depends on all three.

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resolve/failover.hpp"
#include "support/hand_turned.hpp"
#include "upstream/datagram_channel.hpp"
#include "upstream/datagram_connection.hpp"
#include "upstream/fake_connection.hpp"
#include "upstream/fake_datagrams.hpp"
#include "upstream/fake_stream.hpp"
#include "upstream/pool.hpp"
#include "upstream/stream_connection.hpp"
#include "upstream/test_query.hpp"

namespace pillion::resolve {
namespace {

using namespace std::chrono_literals;
using namespace upstream;
using upstream::testing::FakeDatagrams;
using upstream::testing::FakeStream;
using upstream::testing::TestQuery;

struct Asked final : Request {
  void answered(const Answer& answer) override {
    ++answers;
    rcode = answer.rcode;
  }
  int answers = 0;
  std::uint16_t rcode = 99;
};

class FailoverOverPools : public ::testing::Test {
 protected:
  pillion::testing::HandTurned time;
  upstream::testing::SilentLog log;
  ConnectionLimits limits;
  std::uint16_t last_id = 100;
  std::array<std::vector<FakeDatagrams*>, 2> sockets;
  std::vector<FakeStream*> streams;
  std::deque<ServerMetrics> metrics{8};
  std::size_t used = 0;
  std::unique_ptr<Pool> pool(std::size_t i) {
    return std::make_unique<Pool>(
        PoolContext{.schedule = time, .log = log, .random = [] { return 0.5; }},
        ServerReport(log, metrics[used++], "cluster", "192.0.2.1:53", true),
        ServerProfile(std::make_shared<EdnsSupport>()), PoolSettings{.protocol = config::Protocol::udp},
        [this, i](ConnectionEvents& events, ServerProfile& profile) -> std::unique_ptr<Connection> {
          return std::make_unique<DatagramConnection>(
              time, [this] { return ++last_id; }, Encoding{.framed = false}, limits, profile, events,
              [this, i](DatagramEvents& e) {
                auto s = std::make_unique<FakeDatagrams>(e);
                sockets[i].push_back(s.get());
                return s;
              });
        });
  }
  std::unique_ptr<Pool> stream_pool() {
    return std::make_unique<Pool>(
        PoolContext{.schedule = time, .log = log, .random = [] { return 0.5; }},
        ServerReport(log, metrics[used++], "public", "192.0.2.1:853", true),
        ServerProfile(std::make_shared<EdnsSupport>()), PoolSettings{},
        [this](ConnectionEvents& events, ServerProfile& profile) -> std::unique_ptr<Connection> {
          return std::make_unique<StreamConnection>(
              time, [this] { return ++last_id; }, Encoding{}, limits, profile, events,
              [this](StreamEvents& e) {
                auto s = std::make_unique<FakeStream>(e);
                streams.push_back(s.get());
                return s;
              });
        });
  }
  void ask(Failover& group, std::string_view name, Request& request) {
    dns::Buffer m;
    dns::append_query(m, 7, dns::flag::rd, dns::parse_name(name).value(), dns::type::a, dns::klass::in);
    group.resolve(*dns::parse_query(m, {.reject_non_utf8_names = false}), request);
  }
};

TEST_F(FailoverOverPools, AnExchangeThatEndsIsNotCalledAgain) {
  limits.queries_per_port = 1;
  config::Upstream settings;
  settings.name = "cluster";
  settings.protocol = config::Protocol::udp;
  settings.policy = config::PolicyKind::sequential;
  settings.timeout = 4s;
  settings.servers.resize(2);
  std::vector<std::unique_ptr<Channel>> channels;
  runtime::MemoryShare memory;
  for (std::size_t i = 0; i < 2; ++i)
    channels.push_back(std::make_unique<DatagramChannel>(time, memory, pool(i), pool(i)));
  Failover group(time, settings, std::move(channels), memory, [] { return 0.5; });
  group.start();
  sockets[0][0]->become_open();
  sockets[1][0]->become_open();
  Asked a, b;
  ask(group, "a.example", a);
  sockets[0][1]->become_open();
  ask(group, "b.example", b);
  sockets[0][2]->become_open();
  time.pass(500ms);
  sockets[0][1]->fail(Error::connect_refused);
  sockets[0][2]->fail(Error::connect_refused);
  time.turn_to(1010ms);  // a is sent again, and to the other server too
  for (auto* s : std::vector(sockets[1]))
    for (auto& m : s->take_sent())
      if (m[dns::header_size] == 1) s->send(upstream::testing::reply_to_written(m));
  EXPECT_EQ(a.answers, 1);
  time.turn_to(6s);
  EXPECT_EQ(a.answers, 1);
}

/// The server does not answer for the root, and answers everything else at once.
TEST_F(FailoverOverPools, APoolIsNotStuckBehindAConnectionThatProvesForEver) {
  limits.max_in_flight = 2;
  auto p = stream_pool();
  p->start();
  streams[0]->connect();
  streams[0]->become_open();
  const auto serve = [&](std::size_t i) {
    for (auto& m : streams[i]->take_messages())
      if (m[dns::header_size] != 0) streams[i]->send(upstream::testing::reply_to_written(m));
  };
  for (int i = 0; i < 64; ++i) {
    TestQuery q;
    EXPECT_FALSE(p->submit(q, time.clock().now()));
    time.pass(1ms);
    serve(0);
    EXPECT_EQ(q.replies, 1);
  }
  TestQuery slow, waits;
  EXPECT_FALSE(p->submit(slow, time.clock().now()));
  time.pass(p->profile().patience() + 1ms);            // a probe goes out, and is ignored
  EXPECT_FALSE(p->submit(waits, time.clock().now()));  // no room: a second connection is opened
  ASSERT_EQ(streams.size(), 2U);
  serve(0);
  serve(0);
  EXPECT_EQ(slow.replies + waits.replies, 2);
  time.pass(2s);  // the second connection's SYN was lost: connect_timeout
  EXPECT_FALSE(std::as_const(*p).health().is_up());
  time.pass(1s);
  int answered = 0;
  std::deque<TestQuery> qs;
  std::size_t opened = 2;
  for (int i = 0; i < 600; ++i) {
    time.pass(100ms);
    auto& q = qs.emplace_back();
    static_cast<void>(p->submit(q, time.clock().now()));
    for (std::size_t s = 0; s < streams.size(); ++s)
      if (!streams[s]->is_over()) serve(s);
    for (; opened < streams.size(); ++opened) {
      streams[opened]->connect();
      streams[opened]->become_open();
      serve(opened);
    }
  }
  for (auto& q : qs) answered += q.replies;
  EXPECT_GT(answered, 500);
}

/// One slow name at a new UDP server whose answer for the root is slow too, like that of a forwarder without its
/// upstream.
TEST_F(FailoverOverPools, ASlowNameAtAForwarderIsNoReasonToGiveTheServerUp) {
  auto p = pool(0);
  p->start();
  sockets[0][0]->become_open();
  std::size_t opened = 1;
  const auto serve = [&] {
    for (; opened < sockets[0].size(); ++opened) sockets[0][opened]->become_open();
    for (auto* s : std::vector(sockets[0]))
      for (auto& m : s->take_sent())
        if (m[dns::header_size] == 2) s->send(upstream::testing::reply_to_written(m));
  };
  std::deque<TestQuery> local;
  TestQuery slow("slow-name.example");
  for (int i = 0; i < 300; ++i) {
    if (i == 10) {
      EXPECT_FALSE(p->submit(slow, time.clock().now()));
    }
    if (i < 10 || i > 35) {
      auto& q = local.emplace_back("db.svc");
      static_cast<void>(p->submit(q, time.clock().now()));
    }
    serve();
    time.pass(100ms);
    serve();
  }
  int answered = 0;
  for (auto& q : local) answered += q.replies;
  EXPECT_EQ(answered, static_cast<int>(local.size()));
}
}  // namespace
}  // namespace pillion::resolve
