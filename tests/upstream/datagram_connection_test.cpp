#include "upstream/datagram_connection.hpp"

#include <deque>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/hand_turned.hpp"
#include "upstream/event_recorder.hpp"
#include "upstream/fake_connection.hpp"
#include "upstream/fake_datagrams.hpp"
#include "upstream/fake_stream.hpp"
#include "upstream/test_query.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::EventRecorder;
using testing::FakeDatagrams;
using testing::header_reply;
using ::testing::IsEmpty;
using testing::reply_to;
using testing::reply_to_written;
using ::testing::SizeIs;
using testing::TestQuery;

class DatagramConnectionTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_FALSE(socket->was_misused); }

  void open() {
    connection.start();
    EXPECT_TRUE(socket->is_opening);
    socket->become_open();
    EXPECT_THAT(events.take(), ElementsAre("ready"));
  }
  void become_impatient() {
    for (int i = 0; i < 64; ++i) profile.replied(1ms);
    ASSERT_LT(profile.patience(), 40ms);
  }
  void submit(std::size_t i) { connection.submit(queries[i], time.clock().now()); }
  void answer(std::size_t i) { socket->send(reply_to(queries[i], queries[i].id)); }
  [[nodiscard]] ConnectionState state() const { return connection.state(); }

  pillion::testing::HandTurned time;
  ConnectionLimits limits;
  ServerProfile profile{std::make_shared<EdnsSupport>()};
  EventRecorder events;
  std::uint16_t last_id = 100;
  FakeDatagrams* socket = nullptr;
  std::deque<TestQuery> queries{200};
  DatagramConnection connection{time,
                                [this] { return ++last_id; },
                                Encoding{.framed = false},
                                limits,
                                profile,
                                events,
                                [this](DatagramEvents& datagram_events) {
                                  auto made = std::make_unique<FakeDatagrams>(datagram_events);
                                  socket = made.get();
                                  return made;
                                }};
};

TEST_F(DatagramConnectionTest, SendsEachQueryAsADatagram) {
  open();
  submit(0);
  submit(1);
  const auto sent = socket->take_sent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(dns::read_u16(sent[0], 0), queries[0].id);
  answer(1);
  answer(0);
  EXPECT_THAT(events.take(), ElementsAre("received", "received"));
}

TEST_F(DatagramConnectionTest, ASocketThatCannotBeMadeSaysWhy) {
  connection.start();
  socket->fail(Error::unreachable);
  EXPECT_THAT(events.take(), ElementsAre("closed unreachable"));
  EXPECT_TRUE(socket->is_closed);
  socket->release();
  EXPECT_THAT(events.take(), ElementsAre("gone"));
}

TEST_F(DatagramConnectionTest, AnIcmpErrorEndsIt) {
  open();
  submit(0);
  socket->fail(Error::connect_refused);
  EXPECT_THAT(events.take(), ElementsAre("closed connect_refused"));
  EXPECT_THAT(events.lost, ElementsAre(&queries[0]));
}

// Datagrams may come from any sender.

TEST_F(DatagramConnectionTest, WhatAnswersNothingIsPassedOver) {
  open();
  submit(0);
  socket->send(reply_to(queries[0], 9));
  socket->send(dns::Buffer{1, 2, 3});
  socket->send({});
  EXPECT_THAT(events.take(),
              ElementsAre("ignored mismatched_reply", "ignored malformed_reply", "ignored malformed_reply"));
  answer(0);
  EXPECT_EQ(queries[0].replies, 1);
}

TEST_F(DatagramConnectionTest, TwoNearMissesArePassedOverAndTheThirdSendsTheQueryElsewhere) {
  open();
  submit(0);
  submit(1);
  const TestQuery other("other.example");
  for (const auto rcode : {dns::rcode::noerror, dns::rcode::nxdomain})
    socket->send(reply_to(other, queries[0].id, rcode));
  EXPECT_THAT(events.take(), ElementsAre("ignored mismatched_reply", "ignored mismatched_reply"));
  EXPECT_TRUE(queries[0].is_open());
  socket->send(reply_to(other, queries[0].id));
  EXPECT_THAT(events.take(), ElementsAre("received mismatched_reply"));
  EXPECT_TRUE(queries[1].is_open());
}

TEST_F(DatagramConnectionTest, AfterTwoNearMissesTheAnswerIsStillTaken) {
  open();
  submit(0);
  const TestQuery other("other.example");
  for (int i = 0; i < 2; ++i) socket->send(reply_to(other, queries[0].id));
  answer(0);
  EXPECT_EQ(queries[0].replies, 1);
}

TEST_F(DatagramConnectionTest, ARefusalWithoutTheQuestionIsPassedOverUnlessEdnsMayBeWhy) {
  open();
  submit(0);
  submit(1);
  for (const auto rcode : {dns::rcode::servfail, dns::rcode::refused}) socket->send(header_reply(queries[0].id, rcode));
  EXPECT_TRUE(queries[0].is_open());
  queries[1].without_edns = true;
  socket->send(header_reply(queries[1].id, dns::rcode::formerr));
  EXPECT_TRUE(queries[1].is_open()) << "it was sent without";
  socket->send(header_reply(queries[0].id, dns::rcode::formerr));
  EXPECT_EQ(queries[0].rcode, dns::rcode::formerr);
}

TEST_F(DatagramConnectionTest, WhereSomebodyGuessesThoseWhoWaitAskElsewhereAndThePortIsGivenUp) {
  open();
  submit(0);
  submit(1);
  for (unsigned i = 1; i < DatagramConnection::strays_to_leave; ++i)
    socket->send(reply_to(queries[0], static_cast<std::uint16_t>(5000 + i)));
  EXPECT_EQ(state(), ConnectionState::ready);
  events.take();
  socket->send(reply_to(queries[0], 6000));
  EXPECT_THAT(events.take(), ElementsAre("ignored mismatched_reply", "wears out", "received mismatched_reply",
                                         "received mismatched_reply"));
  EXPECT_EQ(connection.waited_for(), 0U);
}

TEST_F(DatagramConnectionTest, StraysThatFindNobodyWaitingAreOnlyCounted) {
  open();
  submit(0);
  answer(0);
  events.take();
  for (int i = 0; i < 100; ++i) socket->send(reply_to(queries[0], 9));
  EXPECT_THAT(events.take(), ::testing::Each("ignored mismatched_reply"));
  EXPECT_EQ(state(), ConnectionState::ready);
}

// Datagrams without the whole answer.

TEST_F(DatagramConnectionTest, TruncationIsSeenBeforeTheRecordsAreRead) {
  open();
  submit(0);
  auto reply = reply_to(queries[0], queries[0].id);
  dns::write_u16(reply, 2, static_cast<std::uint16_t>(dns::read_u16(reply, 2) | dns::flag::tc));
  dns::write_u16(reply, 6, 5);  // the header counts five records, and the message has half of one
  dns::append(reply, dns::Buffer{0xc0, 12, 0, 1});
  events.then = [&](const std::string&) { EXPECT_TRUE(queries[0].is_open()); };
  socket->send(reply);
  EXPECT_THAT(events.take(), ElementsAre("received"));
  EXPECT_TRUE(queries[0].truncated);
}

TEST_F(DatagramConnectionTest, ACutDatagramIsATruncatedAnswer) {
  open();
  submit(0);
  auto reply = reply_to(queries[0], queries[0].id);
  dns::write_u16(reply, 6, 5);
  dns::append(reply, dns::Buffer{0xc0, 12, 0, 1});
  socket->send(reply, true);
  EXPECT_EQ(queries[0].replies, 1);
  EXPECT_TRUE(queries[0].truncated);
}

TEST_F(DatagramConnectionTest, HalfAMessageThatWasNotCutIsMalformed) {
  open();
  submit(0);
  auto reply = reply_to(queries[0], queries[0].id);
  dns::write_u16(reply, 6, 5);
  dns::append(reply, dns::Buffer{0xc0, 12, 0, 1});
  socket->send(reply);
  EXPECT_THAT(events.take(), ElementsAre("received malformed_reply"));
}

TEST_F(DatagramConnectionTest, WhatTheSystemRefusesToSendIsUnsendableAndNothingElseIs) {
  open();
  submit(0);
  submit(1);
  socket->refuse(queries[0].id);
  EXPECT_THAT(events.take(), ElementsAre("unsendable"));
  EXPECT_EQ(queries[0].errors, std::vector{Error::query_too_large});
  EXPECT_EQ(connection.in_flight(), 1U) << "it never left: its id is free";
  socket->refuse(9);
  EXPECT_THAT(events.take(), IsEmpty());
  answer(1);
  EXPECT_EQ(queries[1].replies, 1);
}

TEST_F(DatagramConnectionTest, AnUnsendableQueryThatNobodyWaitsForIsNothing) {
  open();
  submit(0);
  connection.abandon(queries[0]);
  socket->refuse(queries[0].id);
  EXPECT_THAT(events.take(), IsEmpty());
}

// Ports.

TEST_F(DatagramConnectionTest, APortServesSoManyQueries) {
  open();
  for (std::size_t i = 0; i + 1 < limits.queries_per_port; ++i) {
    submit(i);
    answer(i);
  }
  EXPECT_EQ(state(), ConnectionState::ready);
  events.take();
  submit(150);
  EXPECT_THAT(events.take(), ElementsAre("wears out"));
  EXPECT_EQ(state(), ConnectionState::retiring);
}

TEST_F(DatagramConnectionTest, APortServesSoLong) {
  open();
  submit(0);
  answer(0);
  time.pass(4990ms);
  submit(1);
  EXPECT_EQ(state(), ConnectionState::ready);
  time.pass(10ms);
  submit(2);
  EXPECT_EQ(state(), ConnectionState::retiring) << "one in use is replaced first";
}

TEST_F(DatagramConnectionTest, AnIdlePortIsLeftInTime) {
  open();
  submit(0);
  answer(0);
  time.pass(4999ms);
  EXPECT_EQ(state(), ConnectionState::ready);
  time.pass(1ms);
  EXPECT_EQ(state(), ConnectionState::closed);
  EXPECT_FALSE(connection.was_ended_by_server());
}

TEST_F(DatagramConnectionTest, RetiredItClosesBehindTheLastAnswer) {
  open();
  submit(0);
  submit(1);
  connection.retire();
  EXPECT_EQ(state(), ConnectionState::draining);
  answer(0);
  connection.abandon(queries[1]);
  EXPECT_THAT(events.take(), ElementsAre("received", "closed"));
  EXPECT_TRUE(socket->is_closed);
}

TEST_F(DatagramConnectionTest, RetiredWhileItDrainsAnUnsendableQueryEndsIt) {
  open();
  submit(0);
  connection.retire();
  socket->refuse(queries[0].id);
  EXPECT_THAT(events.take(), ElementsAre("unsendable", "closed"));
}

// Silence.

TEST_F(DatagramConnectionTest, ASilenceIsProbedThenSilentThenDead) {
  open();
  become_impatient();
  submit(0);
  socket->take_sent();
  time.pass(profile.patience());
  EXPECT_THAT(socket->take_sent(), SizeIs(1));
  time.pass(profile.patience());
  EXPECT_THAT(events.take(), ElementsAre("fell silent"));
  EXPECT_EQ(queries[0].delays, 1);
  time.pass(1s);
  EXPECT_THAT(events.take(), ElementsAre("closed stalled"));
}

TEST_F(DatagramConnectionTest, ProvingItAsksAgainSinceADatagramMayBeLost) {
  open();
  connection.prove(time.clock().now());
  const auto first = socket->take_sent();
  ASSERT_THAT(first, SizeIs(1));
  time.pass(249ms);
  EXPECT_THAT(socket->take_sent(), IsEmpty());
  time.pass(1ms);
  EXPECT_THAT(socket->take_sent(), ElementsAre(first[0])) << "the same again, by the same id";
  time.pass(50ms);
  EXPECT_THAT(events.take(), ElementsAre("fell silent")) << "it may answer queries, and not for the root";
  time.pass(250ms);
  EXPECT_THAT(socket->take_sent(), Not(IsEmpty()));
  EXPECT_THAT(events.take(), IsEmpty()) << "said once";
  socket->send(reply_to_written(first[0]));
  EXPECT_THAT(events.take(), ElementsAre("answered probe"));
  EXPECT_EQ(state(), ConnectionState::ready);
  socket->send(reply_to_written(first[0]));
  EXPECT_THAT(events.take(), ElementsAre("ignored mismatched_reply")) << "the second answer is nobody's";
  time.pass(1h);
  EXPECT_THAT(socket->take_sent(), IsEmpty());
}

TEST_F(DatagramConnectionTest, ProvingInVainItIsDead) {
  open();
  connection.prove(time.clock().now());
  time.pass(1s);
  const auto said = events.take();
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said.back(), "closed stalled");
}

TEST_F(DatagramConnectionTest, AForgedAnswerDoesNotProve) {
  open();
  connection.prove(time.clock().now());
  socket->send(reply_to(queries[0], 9));
  EXPECT_EQ(state(), ConnectionState::proving);
}

// A pool of datagram connections under load.

class PortRotationTest : public ::testing::Test {
 protected:
  PortRotationTest()
      : pool(PoolContext{.schedule = time, .log = log, .random = [] { return 0.5; }},
             ServerReport(log, metrics, "cluster", "192.0.2.53:53", true),
             ServerProfile(std::make_shared<EdnsSupport>()), {.protocol = config::Protocol::udp},
             [this](ConnectionEvents& events, ServerProfile& profile) {
               return std::make_unique<DatagramConnection>(
                   time, [this] { return ++last_id; }, Encoding{.framed = false}, limits, profile, events,
                   [this](DatagramEvents& datagram_events) {
                     auto made = std::make_unique<FakeDatagrams>(datagram_events);
                     ports.push_back({made.get(), 0, time.elapsed(), time.elapsed()});
                     return made;
                   });
             }) {
    pool.start();
    turn();
  }
  /// The kernel has bound the opened sockets, and closed ones are gone.
  void turn() {
    for (std::size_t i = 0; i < ports.size(); ++i) {
      auto& port = ports[i];
      if (port.socket == nullptr) continue;
      if (port.socket->is_opening && !port.is_open) {
        port.is_open = true;
        port.socket->become_open();
      }
      if (ports[i].socket->is_closed) std::exchange(ports[i].socket, nullptr)->release();
    }
  }
  /// The server answers the queries, except the last `delay` ones of each port.
  void answer() {
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (ports[i].socket == nullptr) continue;
      for (const auto& datagram : ports[i].socket->take_sent()) {
        ++ports[i].served;
        ports[i].last = time.elapsed();
        replies.push_back({ports[i].socket, reply_to_written(datagram), i});
      }
    }
    while (replies.size() > delay) {
      const auto reply = std::move(replies.front());
      replies.pop_front();
      if (ports[reply.port].socket == reply.socket) reply.socket->send(reply.message);
    }
  }

  struct Port {
    FakeDatagrams* socket = nullptr;
    std::uint64_t served = 0;
    runtime::Duration first;
    runtime::Duration last;
    bool is_open = false;
  };
  struct Reply {
    FakeDatagrams* socket;
    dns::Buffer message;
    std::size_t port;
  };

  testing::SilentLog log;
  pillion::testing::HandTurned time;
  ServerMetrics metrics;
  ConnectionLimits limits;
  std::uint16_t last_id = 0;
  std::size_t delay = 0;
  std::vector<Port> ports;
  std::deque<Reply> replies;
  Pool pool;
};

TEST_F(PortRotationTest, NoPortServesMoreThanItsShareOfManyQueries) {
  constexpr std::size_t count = 20'000;
  std::deque<TestQuery> queries(count);
  delay = 50;  // so that a query is always in flight
  for (auto& query : queries) {
    ASSERT_EQ(pool.submit(query, time.clock().now()), std::nullopt);
    turn();
    answer();
    turn();
    time.pass(100us);
  }
  delay = 0;
  answer();
  for (const auto& query : queries) ASSERT_EQ(query.replies, 1);
  for (const auto& port : ports) EXPECT_LE(port.served, limits.queries_per_port);
  EXPECT_GE(ports.size(), count / limits.queries_per_port);
  EXPECT_LE(ports.size(), 2 * count / limits.queries_per_port);
}

TEST_F(PortRotationTest, ASlowTrickleChangesPortsByTime) {
  std::deque<TestQuery> queries(600);
  for (auto& query : queries) {
    ASSERT_EQ(pool.submit(query, time.clock().now()), std::nullopt);
    turn();
    answer();
    turn();
    time.pass(100ms);
    turn();
  }
  EXPECT_GE(ports.size(), 600U / 10 / 6) << "a minute of queries, five seconds each";
  for (const auto& port : ports) EXPECT_LE(port.last - port.first, limits.port_lifetime + 200ms);
  for (const auto& query : queries) EXPECT_EQ(query.replies, 1);
}

TEST_F(PortRotationTest, ANameThatIsNeverAnsweredHoldsNoPortOpenForNewQueries) {
  std::deque<TestQuery> queries(2'000);
  std::deque<TestQuery> unanswered;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    if (i % 100 == 0) {
      ASSERT_EQ(pool.submit(unanswered.emplace_back("lost.example"), time.clock().now()), std::nullopt);
    }
    ASSERT_EQ(pool.submit(queries[i], time.clock().now()), std::nullopt);
    turn();
    for (auto& port : ports) {
      if (port.socket == nullptr) continue;
      for (const auto& datagram : port.socket->take_sent()) {
        ++port.served;
        if (datagram[dns::header_size + 1] != 'l') port.socket->send(reply_to_written(datagram));
      }
    }
    turn();
    time.pass(100us);
  }
  for (const auto& query : queries) ASSERT_EQ(query.replies, 1);
  for (const auto& port : ports)
    EXPECT_LE(port.served, limits.queries_per_port + 2) << "a turn may bring two, and a probe";
  EXPECT_GE(ports.size(), 2'000U / limits.queries_per_port);
  for (auto& query : unanswered) {
    if (query.is_open()) query.holder->abandon(query);
  }
}

}  // namespace
}  // namespace pillion::upstream
