// How a connection over a byte stream opens, reads, drains and closes.

#include "upstream/stream_fixture.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::FakeStream;
using ::testing::IsEmpty;
using testing::reply_to;
using testing::StreamConnectionTest;
using testing::TestQuery;

// Opening.

TEST_F(StreamConnectionTest, SaysWhenItIsReady) {
  EXPECT_EQ(state(), ConnectionState::connecting);
  connection->start();
  EXPECT_TRUE(stream->is_opening);
  stream->connect();
  EXPECT_EQ(state(), ConnectionState::handshaking);
  EXPECT_THAT(events.take(), IsEmpty());
  stream->become_open();
  EXPECT_EQ(state(), ConnectionState::ready);
  EXPECT_THAT(events.take(), ElementsAre("ready"));
  time.pass(1h);
  EXPECT_EQ(state(), ConnectionState::ready) << "an idle connection stays, where nothing is known of the server";
}

TEST_F(StreamConnectionTest, GivesUpWhereTcpIsNotAnswered) {
  connection->start();
  time.pass(1999ms);
  EXPECT_EQ(state(), ConnectionState::connecting);
  time.pass(1ms);
  EXPECT_THAT(events.take(), ElementsAre("closed connect_timeout"));
  EXPECT_TRUE(stream->is_closed);
  stream->release();
  EXPECT_THAT(events.take(), ElementsAre("gone"));
}

TEST_F(StreamConnectionTest, GivesUpWhereTlsIsNotAnsweredWithinTheSameTime) {
  connection->start();
  time.pass(1500ms);
  stream->connect();
  time.pass(499ms);
  EXPECT_EQ(state(), ConnectionState::handshaking);
  time.pass(1ms);
  EXPECT_THAT(events.take(), ElementsAre("closed handshake_timeout"));
  EXPECT_TRUE(stream->is_closed);
}

TEST_F(StreamConnectionTest, TellsWhyItDidNotOpen) {
  connection->start();
  stream->end(Error::connect_refused);
  EXPECT_THAT(events.take(), ElementsAre("closed connect_refused"));
  EXPECT_TRUE(stream->is_closed);
  time.pass(1h);
  EXPECT_THAT(events.take(), IsEmpty()) << "no time-out follows";
}

TEST_F(StreamConnectionTest, AnOrderlyCloseDuringTheHandshakeIsAFailure) {
  connection->start();
  stream->connect();
  stream->end();
  EXPECT_THAT(events.take(), ElementsAre("closed closed"));
}

TEST_F(StreamConnectionTest, RetiredWhileItOpensItCloses) {
  connection->start();
  stream->connect();
  connection->retire();
  EXPECT_TRUE(stream->is_closed);
  EXPECT_THAT(events.take(), ElementsAre("closed"));
}

TEST_F(StreamConnectionTest, MayBeRetiredFromWithinReady) {
  events.then = [&](const std::string& said) {
    if (said == "ready") connection->retire();
  };
  connection->start();
  stream->connect();
  stream->become_open();
  EXPECT_THAT(events.take(), ElementsAre("ready", "closed"));
  EXPECT_TRUE(stream->is_shut);
}

TEST_F(StreamConnectionTest, WritesSinglyFromTheStartWhereItIsToldTo) {
  connection->write_singly();
  EXPECT_TRUE(stream->singly);
}

// Reading.

TEST_F(StreamConnectionTest, WritesWhatIsSubmitted) {
  open();
  submit(0);
  submit(1);
  const auto messages = stream->take_messages();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(dns::read_u16(messages[0], 0), queries[0].id);
  EXPECT_EQ(dns::read_u16(messages[1], 0), queries[1].id);
  EXPECT_NE(queries[0].id, queries[1].id);
  EXPECT_EQ(connection->in_flight(), 2U);
}

TEST_F(StreamConnectionTest, ReadsMessagesThatAreSplitAnywhere) {
  open();
  std::size_t size = 0;
  for (std::size_t split = 0; split == 0 || split < size; ++split) {
    std::deque<TestQuery> asked(2);
    for (auto& query : asked) connection->submit(query, time.clock().now());
    auto bytes = FakeStream::framed(reply_to(asked[1], asked[1].id));
    dns::append(bytes, FakeStream::framed(reply_to(asked[0], asked[0].id)));
    size = bytes.size();
    stream->send_bytes(dns::Bytes(bytes).first(split));
    stream->send_bytes(dns::Bytes(bytes).subspan(split));
    EXPECT_EQ(asked[0].replies, 1) << split;
    EXPECT_EQ(asked[1].replies, 1) << split;
  }
  ASSERT_GT(size, 50U);
  EXPECT_EQ(connection->answered(), 2 * size);
  EXPECT_EQ(connection->in_flight(), 0U);
}

TEST_F(StreamConnectionTest, ReadsOneByteAtATime) {
  open();
  submit(0);
  for (const auto byte : FakeStream::framed(reply_to(queries[0], queries[0].id))) {
    EXPECT_TRUE(queries[0].is_open());
    stream->send_bytes(dns::Bytes(&byte, 1));
  }
  EXPECT_EQ(queries[0].replies, 1);
}

TEST_F(StreamConnectionTest, WhatIsNoMessageEndsTheConnection) {
  for (const auto size : {0U, 1U, 11U}) {
    SetUp();
    events.take();
    open();
    submit(0);
    stream->send(dns::Buffer(size, 0));
    EXPECT_THAT(events.take(), ElementsAre("closed malformed_reply")) << size;
    EXPECT_TRUE(stream->is_closed);
    EXPECT_THAT(events.lost, ElementsAre(&queries[0]));
  }
}

TEST_F(StreamConnectionTest, AMalformedReplyFailsItsQueryOnly) {
  open();
  submit(0);
  submit(1);
  auto reply = reply_to(queries[0], queries[0].id);
  reply.push_back(0);
  stream->send(reply);
  EXPECT_THAT(events.take(), ElementsAre("received malformed_reply"));
  answer(1);
  EXPECT_THAT(events.take(), ElementsAre("received"));
}

TEST_F(StreamConnectionTest, AReplyWithAnothersQuestionFailsItsQueryOnly) {
  open();
  submit(0);
  submit(1);
  const TestQuery other("other.example");
  stream->send(reply_to(other, queries[0].id));
  EXPECT_THAT(events.take(), ElementsAre("received mismatched_reply"));
  EXPECT_EQ(state(), ConnectionState::ready);
  EXPECT_TRUE(queries[1].is_open());
}

TEST_F(StreamConnectionTest, ARefusalThatDoesNotRepeatTheQuestionIsTaken) {
  open();
  submit(0);
  stream->send(testing::header_reply(queries[0].id, dns::rcode::formerr));
  EXPECT_EQ(queries[0].rcode, dns::rcode::formerr);
}

TEST_F(StreamConnectionTest, AReplyTooManyIsDropped) {
  open();
  submit(0);
  const auto reply = reply_to(queries[0], queries[0].id);
  stream->send(reply);
  stream->send(reply);
  EXPECT_THAT(events.take(), ElementsAre("received", "ignored mismatched_reply"));
  EXPECT_EQ(state(), ConnectionState::ready);
}

TEST_F(StreamConnectionTest, IsReplacedWhereItIsOutOfStep) {
  open();
  for (std::size_t i = 0; i < 3; ++i) submit(i);
  const auto stray = reply_to(TestQuery("other.example"), 9);
  for (unsigned i = 1; i < StreamConnection::strays_to_retire; ++i) stream->send(stray);
  answer(0);
  for (unsigned i = 1; i < StreamConnection::strays_to_retire; ++i) stream->send(stray);
  EXPECT_EQ(state(), ConnectionState::ready) << "not in a row";
  events.take();
  stream->send(stray);
  EXPECT_THAT(events.take(), ElementsAre("ignored mismatched_reply", "wears out"));
  EXPECT_EQ(state(), ConnectionState::retiring);
  for (int i = 0; i < 100; ++i) stream->send(stray);
  answer(1);
  EXPECT_EQ(queries[1].replies, 1) << "it is used until it is replaced";
  EXPECT_EQ(std::ranges::count(events.take(), "wears out"), 0) << "said once";
}

TEST_F(StreamConnectionTest, EndsWhereStrayRepliesDoNot) {
  open();
  for (std::size_t i = 0; i < 3; ++i) submit(i);
  const auto stray = reply_to(TestQuery("other.example"), 9);
  const auto enough = StreamConnection::stray_bytes_to_end / stray.size();
  for (std::size_t i = 0; i < enough; ++i) stream->send(stray);
  EXPECT_EQ(state(), ConnectionState::retiring);
  events.take();
  stream->send(stray);
  EXPECT_THAT(events.take(), ElementsAre("ignored mismatched_reply", "closed mismatched_reply"));
  EXPECT_EQ(state(), ConnectionState::closed);
}

TEST_F(StreamConnectionTest, AFewLongStrayRepliesDoNotEndIt) {
  open();
  for (std::size_t i = 0; i < 3; ++i) submit(i);
  auto stray = reply_to(TestQuery("other.example"), 9);
  stray.resize(dns::max_message_size);
  for (unsigned i = 1; i < StreamConnection::strays_to_retire; ++i) stream->send(stray);
  EXPECT_THAT(events.take(), ::testing::Each("ignored mismatched_reply"));
  answer(0);
  EXPECT_THAT(events.take(), ElementsAre("received"));
  EXPECT_EQ(state(), ConnectionState::ready);
}

TEST_F(StreamConnectionTest, WhatFollowsACloseIsNotRead) {
  open();
  submit(0);
  submit(1);
  auto bytes = FakeStream::framed(reply_to(queries[0], queries[0].id));
  dns::append(bytes, FakeStream::framed(reply_to(queries[1], queries[1].id)));
  events.then = [&](const std::string& said) {
    if (said == "received") connection->close();
  };
  stream->send_bytes(bytes);
  EXPECT_THAT(events.take(), ElementsAre("received", "closed"));
  EXPECT_THAT(events.lost, ElementsAre(&queries[1]));
}

TEST_F(StreamConnectionTest, AnAbandonedQuerysLateReplyIsForNobody) {
  open();
  submit(0);
  const auto late = reply_to(queries[0], queries[0].id);
  connection->abandon(queries[0]);
  EXPECT_EQ(connection->in_flight(), 1U);
  EXPECT_EQ(connection->waited_for(), 0U);
  time.pass(1min);
  EXPECT_THAT(stream->take_messages(), ::testing::SizeIs(1)) << "nobody waits: no probe";
  stream->send(late);
  EXPECT_EQ(connection->in_flight(), 0U);
}

class StreamConnectionOfFour : public StreamConnectionTest {
 protected:
  StreamConnectionOfFour() { limits.max_in_flight = 4; }
};

TEST_F(StreamConnectionOfFour, IsReplacedWhereAbandonedQueriesLeaveNoRoom) {
  open();
  for (std::size_t i = 0; i < 4; ++i) submit(i);
  time.pass(250ms);
  connection->abandon(queries[0]);
  connection->abandon(queries[1]);
  EXPECT_EQ(state(), ConnectionState::ready) << "half of them are waited for";
  connection->abandon(queries[2]);
  EXPECT_EQ(state(), ConnectionState::retiring);
  EXPECT_EQ(std::ranges::count(events.take(), "wears out"), 1);
  answer(3);
  EXPECT_EQ(queries[3].replies, 1);
}

TEST_F(StreamConnectionOfFour, IsNotReplacedAtOnceWhereTheyWereGivenUpAtOnce) {
  open();
  for (std::size_t i = 0; i < 4; ++i) submit(i);
  for (std::size_t i = 0; i < 4; ++i) connection->abandon(queries[i]);
  EXPECT_EQ(state(), ConnectionState::ready);
  time.pass(2s);
  EXPECT_EQ(state(), ConnectionState::retiring);
}

// Draining and closing.

TEST_F(StreamConnectionTest, RetiredIdleItClosesInOrder) {
  open();
  connection->retire();
  EXPECT_EQ(state(), ConnectionState::closing);
  EXPECT_TRUE(stream->is_shut);
  EXPECT_FALSE(stream->is_closed);
  EXPECT_THAT(events.take(), ElementsAre("closed"));
  stream->release();
  EXPECT_THAT(events.take(), ElementsAre("gone"));
}

TEST_F(StreamConnectionTest, RetiredItClosesBehindTheLastAnswer) {
  open();
  submit(0);
  submit(1);
  connection->retire();
  EXPECT_EQ(state(), ConnectionState::draining);
  answer(1);
  EXPECT_EQ(state(), ConnectionState::draining);
  answer(0);
  EXPECT_THAT(events.take(), ElementsAre("received", "received", "closed"));
  EXPECT_THAT(events.lost, IsEmpty());
  EXPECT_TRUE(stream->is_shut);
}

TEST_F(StreamConnectionTest, RetiredItClosesWhenTheLastAskerGivesUp) {
  open();
  submit(0);
  submit(1);
  connection->abandon(queries[0]);
  connection->retire();
  EXPECT_EQ(state(), ConnectionState::draining);
  connection->abandon(queries[1]);
  EXPECT_THAT(events.take(), ElementsAre("closed"));
}

TEST_F(StreamConnectionTest, ADrainingConnectionThatIsSilentIsDeadAsWell) {
  open();
  submit(0);
  connection->retire();
  time.pass(2s);
  EXPECT_THAT(events.take(), ElementsAre("closed stalled"));
  EXPECT_THAT(events.lost, ElementsAre(&queries[0]));
}

TEST_F(StreamConnectionTest, ACloseThatIsNotAnsweredIsCutShort) {
  open();
  connection->retire();
  time.pass(999ms);
  EXPECT_FALSE(stream->is_closed);
  time.pass(1ms);
  EXPECT_TRUE(stream->is_closed);
  EXPECT_THAT(events.take(), ElementsAre("closed")) << "said once";
  stream->release();
  EXPECT_THAT(events.take(), ElementsAre("gone"));
}

TEST_F(StreamConnectionTest, ClosedWhileItClosesItIsSaidOnce) {
  open();
  connection->retire();
  connection->close();
  EXPECT_TRUE(stream->is_closed);
  EXPECT_EQ(state(), ConnectionState::closed);
  connection->close();
  connection->retire();
  EXPECT_THAT(events.take(), ElementsAre("closed"));
}

TEST_F(StreamConnectionTest, ClosesAtOnceWhereItHasTo) {
  open();
  submit(0);
  submit(1);
  answer(0);
  events.take();
  connection->close();
  EXPECT_THAT(events.take(), ElementsAre("closed"));
  EXPECT_THAT(events.lost, ElementsAre(&queries[1]));
  EXPECT_TRUE(stream->is_closed);
}

TEST_F(StreamConnectionTest, TheServersCloseHandsBackWhatIsUnansweredInOrder) {
  open();
  for (const std::size_t i : {2U, 0U, 1U}) submit(i);
  answer(0);
  events.take();
  stream->end();
  EXPECT_THAT(events.take(), ElementsAre("closed"));
  EXPECT_THAT(events.lost, ElementsAre(&queries[2], &queries[1]));
  EXPECT_TRUE(stream->is_shut) << "close_notify is answered by close_notify";
  EXPECT_EQ(state(), ConnectionState::closing);
}

TEST_F(StreamConnectionTest, AResetSaysSo) {
  open();
  submit(0);
  stream->end(Error::reset);
  EXPECT_THAT(events.take(), ElementsAre("closed reset"));
  EXPECT_THAT(events.lost, ElementsAre(&queries[0]));
  EXPECT_TRUE(stream->is_closed);
}

TEST_F(StreamConnectionTest, TheServersCloseWhileItDrainsHandsBackTheRest) {
  open();
  submit(0);
  connection->retire();
  stream->end();
  EXPECT_THAT(events.take(), ElementsAre("closed"));
  EXPECT_THAT(events.lost, ElementsAre(&queries[0]));
}

// Idle time.

TEST_F(StreamConnectionTest, AKeepaliveOfZeroDrains) {
  open();
  submit(0);
  submit(1);
  stream->send(reply_with_keepalive(queries[0], 0));
  EXPECT_EQ(queries[0].replies, 1);
  EXPECT_EQ(state(), ConnectionState::draining);
  EXPECT_FALSE(takes_queries(state()));
  answer(1);
  EXPECT_THAT(events.take(), ElementsAre("received", "received", "closed"));
  EXPECT_TRUE(stream->is_shut);
}

TEST_F(StreamConnectionTest, AKeepaliveOfZeroWithNothingElseInFlightCloses) {
  open();
  submit(0);
  stream->send(reply_with_keepalive(queries[0], 0));
  EXPECT_THAT(events.take(), ElementsAre("received", "closed"));
}

TEST_F(StreamConnectionTest, ClosesALittleEarlierThanTheServerSaysThatItWill) {
  open();
  submit(0);
  stream->send(reply_with_keepalive(queries[0], 100));  // 10 s
  events.take();
  time.pass(8999ms);
  EXPECT_EQ(state(), ConnectionState::ready);
  time.pass(1ms);
  EXPECT_THAT(events.take(), ElementsAre("closed"));
  EXPECT_TRUE(stream->is_shut);
}

TEST_F(StreamConnectionTest, EachReplyStartsTheIdleTimeAnew) {
  open();
  submit(0);
  stream->send(reply_with_keepalive(queries[0], 100));
  time.pass(8s);
  submit(1);
  answer(1);
  time.pass(8s);
  EXPECT_EQ(state(), ConnectionState::ready);
  submit(2);
  time.pass(500ms);
  answer(2);
  time.pass(8999ms);
  EXPECT_EQ(state(), ConnectionState::ready);
  time.pass(1ms);
  EXPECT_EQ(state(), ConnectionState::closing);
}

TEST_F(StreamConnectionTest, LearnsWhenTheServerClosesIdleConnectionsAndClosesFirst) {
  for (int i = 0; i < 2; ++i) {
    open();
    submit(0);
    answer(0);
    time.pass(20s);
    stream->end();
    events.take();
    SetUp();
  }
  ASSERT_EQ(profile.idle_timeout(), 18s);
  open();
  time.pass(18s - 1ms);
  EXPECT_EQ(state(), ConnectionState::ready);
  time.pass(1ms);
  EXPECT_EQ(state(), ConnectionState::closing);
  EXPECT_THAT(events.take(), ElementsAre("closed"));
}

TEST_F(StreamConnectionTest, ItsOwnCloseOfAnIdleConnectionTeachesNothing) {
  profile.closed_idle(20s);
  profile.closed_idle(20s);
  open();
  time.pass(18s);
  EXPECT_EQ(state(), ConnectionState::closing);
  EXPECT_EQ(profile.idle_timeout(), 18s);
}

TEST_F(StreamConnectionTest, TellsTheProfileHowManyAnswersTheServerGaveBeforeItClosed) {
  for (int i = 0; i < 2; ++i) {
    open();
    for (const std::size_t j : {0U, 1U, 2U}) submit(j);
    answer(0);
    answer(1);
    stream->end();
    events.take();
    if (i == 0) SetUp();
  }
  EXPECT_EQ(profile.query_limit(), 2U);
  EXPECT_FALSE(profile.idle_timeout());
}

// Observers of messages.

/// Keeps the messages.
class ToldMessages final : public MessageObserver {
 public:
  void sent(dns::Bytes query, runtime::Time now) override {
    queries.push_back({dns::Buffer(query.begin(), query.end()), now, now});
  }
  void received(dns::Bytes reply, runtime::Time sent, runtime::Time now) override {
    replies.push_back({dns::Buffer(reply.begin(), reply.end()), sent, now});
  }
  struct Message {
    dns::Buffer bytes;
    runtime::Time sent;
    runtime::Time now;
  };
  std::vector<Message> queries;
  std::vector<Message> replies;
};

TEST_F(StreamConnectionTest, AnObserverIsToldOfWhatGoesOutAndComesIn) {
  ToldMessages told;
  connection->observe(&told);
  open();
  submit(0);
  submit(1);
  const auto started = time.clock().now();
  time.pass(20ms);
  const auto reply = reply_to(queries[1], queries[1].id);
  stream->send(reply);
  answer(0);
  stream->send(reply);  // matches no query any more

  ASSERT_EQ(told.queries.size(), 2U);
  const auto written = stream->take_messages();
  ASSERT_GE(written.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(told.queries[i].bytes, written[i]) << "without its frame, with our EDNS";
    EXPECT_EQ(told.queries[i].now, started);
  }
  ASSERT_EQ(told.replies.size(), 2U);
  EXPECT_EQ(told.replies[0].bytes, reply);
  EXPECT_EQ(told.replies[0].sent, started);
  EXPECT_EQ(told.replies[0].now, started + 20ms);
}

}  // namespace
}  // namespace pillion::upstream
