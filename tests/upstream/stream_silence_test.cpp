// A silent connection over a byte stream.

#include <algorithm>
#include <array>
#include <string>

#include "upstream/stream_fixture.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::reply_to;
using testing::reply_to_written;
using testing::StreamConnectionTest;
using testing::TestQuery;

TEST_F(StreamConnectionTest, ASilenceIsProbedAndThenTheConnectionIsDead) {
  open();
  submit(0);
  stream->take_messages();
  time.pass(999ms);
  EXPECT_THAT(stream->take_messages(), IsEmpty());
  time.pass(1ms);
  take_probe();
  time.pass(999ms);
  EXPECT_THAT(events.take(), IsEmpty());
  time.pass(1ms);
  EXPECT_THAT(events.take(), ElementsAre("closed stalled"));
  EXPECT_THAT(events.lost, ElementsAre(&queries[0]));
  EXPECT_TRUE(stream->is_closed);
}

TEST_F(StreamConnectionTest, AtAFastServerASilenceSendsQueriesElsewhereSoonAndIsDeathLater) {
  open();
  become_impatient();
  const auto patience = profile.patience();
  submit(0);
  stream->take_messages();
  time.pass(patience);
  take_probe();
  EXPECT_EQ(state(), ConnectionState::ready);
  time.pass(patience);
  EXPECT_THAT(events.take(), ElementsAre("fell silent"));
  EXPECT_EQ(state(), ConnectionState::silent);
  EXPECT_FALSE(takes_queries(state()));
  EXPECT_EQ(queries[0].delays, 1);
  EXPECT_TRUE(queries[0].is_open()) << "the answer may still come";
  time.turn_to(patience + 1s - 1ms);
  EXPECT_THAT(events.take(), IsEmpty());
  time.pass(1ms);
  EXPECT_THAT(events.take(), ElementsAre("closed stalled"));
}

TEST_F(StreamConnectionTest, AnAnswerEndsTheSilence) {
  open();
  become_impatient();
  submit(0);
  submit(1);
  time.pass(2 * profile.patience());
  ASSERT_EQ(state(), ConnectionState::silent);
  answer(0);
  EXPECT_EQ(state(), ConnectionState::ready);
  EXPECT_EQ(queries[0].replies, 1);
  EXPECT_TRUE(queries[1].is_open());
}

TEST_F(StreamConnectionTest, AnAnsweredProbeEndsTheSilenceAndTheQueryStays) {
  open();
  become_impatient();
  submit(0);
  stream->take_messages();
  time.pass(profile.patience());
  const auto probe = take_probe();
  time.pass(profile.patience());
  ASSERT_EQ(state(), ConnectionState::silent);
  events.take();
  stream->send(reply_to_written(probe));
  EXPECT_EQ(state(), ConnectionState::ready);
  EXPECT_THAT(events.take(), ElementsAre("answered probe"));
  EXPECT_TRUE(queries[0].is_open());
  EXPECT_EQ(connection->answered(), 0U) << "a probe is no query";
}

TEST_F(StreamConnectionTest, ASlowNameIsWaitedForOnItsConnectionWhichIsProbedEverMoreSeldom) {
  open();
  become_impatient();
  submit(0);
  stream->take_messages();
  int probes = 0;
  while (time.elapsed() < 10s) {
    time.pass(1ms);
    for (const auto& probe : stream->take_messages()) {
      ++probes;
      stream->send(reply_to_written(probe));
    }
  }
  EXPECT_EQ(state(), ConnectionState::ready);
  EXPECT_EQ(std::ranges::count(events.take(), "fell silent"), 0);
  EXPECT_LE(probes, 16);
  answer(0);
  EXPECT_EQ(queries[0].replies, 1);
}

TEST_F(StreamConnectionTest, AnIdleConnectionIsNotProbed) {
  open();
  submit(0);
  answer(0);
  stream->take_messages();
  time.pass(1h);
  EXPECT_THAT(stream->take_messages(), IsEmpty());
  EXPECT_EQ(state(), ConnectionState::ready);
}

TEST_F(StreamConnectionTest, OneThatTricklesIsReplaced) {
  open();
  submit(0);  // this query is never answered, and others are
  stream->take_messages();
  while (time.elapsed() < 2976ms) {
    submit(1);
    time.pass(31ms);
    answer(1);
  }
  EXPECT_EQ(state(), ConnectionState::ready);
  submit(1);
  time.pass(100ms);
  EXPECT_EQ(state(), ConnectionState::retiring);
  EXPECT_TRUE(queries[0].is_open());
  EXPECT_EQ(std::ranges::count(events.take(), "wears out"), 1);
}

TEST_F(StreamConnectionTest, AnIdThatNeverComesBackWearsTheConnectionOut) {
  open();
  submit(0);
  connection->abandon(queries[0]);
  time.pass(29'999ms);
  EXPECT_EQ(state(), ConnectionState::ready);
  time.pass(1ms);
  EXPECT_EQ(state(), ConnectionState::retiring);
  EXPECT_THAT(events.take(), ElementsAre("wears out"));
  time.pass(1h);
  EXPECT_THAT(events.take(), IsEmpty()) << "said once";
}

TEST_F(StreamConnectionTest, ASilentConnectionThatWearsOutTakesNoQueriesEither) {
  open();
  become_impatient();
  submit(0);
  connection->abandon(queries[0]);
  time.pass(29'950ms);
  submit(1);
  time.pass(2 * profile.patience());
  EXPECT_THAT(events.take(), ElementsAre("fell silent", "wears out"));
  EXPECT_EQ(state(), ConnectionState::draining);
  EXPECT_TRUE(queries[1].is_open());
  answer(1);
  EXPECT_THAT(events.take(), ElementsAre("received", "closed"));
}

TEST_F(StreamConnectionTest, ASilentConnectionThatNobodyWaitsOnAnyMoreIsDeadAllTheSame) {
  open();
  become_impatient();
  submit(0);
  time.pass(2 * profile.patience());
  ASSERT_EQ(state(), ConnectionState::silent);
  connection->abandon(queries[0]);  // another server has answered
  time.pass(1s);
  EXPECT_THAT(events.take(), ElementsAre("fell silent", "closed stalled"));
}

TEST_F(StreamConnectionTest, ASilentConnectionThatNobodyWaitsOnAnyMoreMayAnswerAllTheSame) {
  open();
  become_impatient();
  submit(0);
  stream->take_messages();
  time.pass(profile.patience());
  const auto probe = take_probe();
  time.pass(profile.patience());
  connection->abandon(queries[0]);
  stream->send(reply_to_written(probe));
  time.pass(10s);
  EXPECT_EQ(state(), ConnectionState::ready);
}

TEST_F(StreamConnectionTest, AServerThatIgnoresProbesIsGivenAsMuchTimeForEachQuery) {
  open();
  become_impatient();
  submit(0);
  time.pass(profile.patience() + 5ms);
  answer(0);
  time.pass(10s);
  submit(1);
  time.pass(900ms);
  EXPECT_EQ(state(), ConnectionState::silent);
  answer(1);
  EXPECT_EQ(state(), ConnectionState::ready);
}

TEST_F(StreamConnectionTest, ASilentConnectionThatIsOutOfStepTakesNoQueriesEither) {
  open();
  become_impatient();
  submit(0);
  submit(1);
  time.pass(2 * profile.patience());
  ASSERT_EQ(state(), ConnectionState::silent);
  events.take();
  const auto stray = reply_to(TestQuery("other.example"), 9);
  for (unsigned i = 0; i < StreamConnection::strays_to_retire; ++i) stream->send(stray);
  EXPECT_FALSE(takes_queries(state()));
}

TEST_F(StreamConnectionTest, WhatTheProbeBringsHadBeenLeftLying) {
  open();
  become_impatient();
  submit(0);
  submit(1);
  time.pass(1ms);
  answer(0);
  events.take();
  stream->take_messages();
  while (stream->take_messages().empty()) time.pass(1ms);
  answer(1);
  EXPECT_THAT(events.take(), ElementsAre("needs single records", "received"));
}

TEST_F(StreamConnectionTest, OneThatReadsWholeRecordsLeavesNothingLying) {
  open();
  submit(0);
  submit(1);
  stream->take_messages();
  answer(0);
  answer(1);
  profile.write_singly(time.clock().now());
  EXPECT_FALSE(profile.writes_singly(time.clock().now())) << "it has answered both of a record that nothing followed";
}

TEST_F(StreamConnectionTest, WhatIsAnsweredOneByOneDoesNotShowThatItReadsWholeRecords) {
  // It answers one query of the last record, and the rest of the record before.
  open();
  submit(0);
  submit(1);
  stream->take_messages();
  time.pass(1ms);
  submit(2);
  submit(3);
  stream->take_messages();
  answer(0);
  answer(1);
  answer(2);
  profile.write_singly(time.clock().now());
  EXPECT_TRUE(profile.writes_singly(time.clock().now()));
}

TEST_F(StreamConnectionTest, WhileOthersAreAnsweredAProbeBringsNothing) {
  // A name that is never answered does not show how the server reads.
  open();
  become_impatient();
  submit(0);
  const auto end = time.clock().now() + Liveness::trickle + 100ms;
  std::ptrdiff_t probes = 0;
  while (time.clock().now() < end) {
    auto& query = queries.emplace_back("other.example");
    connection->submit(query, time.clock().now());
    time.pass(10ms);
    probes += std::ranges::count_if(stream->take_messages(),
                                    [](const auto& message) { return message[dns::header_size] == 0; });
    stream->send(reply_to(query, query.id));
    EXPECT_THAT(events.take(), ElementsAre("received"));
  }
  EXPECT_EQ(probes, 1);
}

// The kernel's view of the delivery.

TEST_F(StreamConnectionTest, WhatWasSentAgainInVainShowsThatThePathIsDeadWithoutAProbe) {
  open();
  submit(0);
  stream->take_messages();
  stream->known_delivery = Delivery{.retransmissions = 2};
  time.pass(1s);
  EXPECT_THAT(stream->take_messages(), IsEmpty());
  EXPECT_THAT(events.take(), ElementsAre("closed stalled"));
  EXPECT_THAT(events.lost, ElementsAre(&queries[0]));
}

TEST_F(StreamConnectionTest, OnePacketThatIsLostIsNoDeadPath) {
  open();
  submit(0);
  stream->take_messages();
  stream->known_delivery = Delivery{.retransmissions = 1};
  time.pass(1s);
  take_probe();
  EXPECT_THAT(events.take(), IsEmpty());
  time.pass(1s);
  EXPECT_THAT(events.take(), ElementsAre("closed stalled")) << "nothing was acknowledged";
}

TEST_F(StreamConnectionTest, AServerWhoseKernelHasEverythingIsGivenAsMuchTimeAgain) {
  open();
  become_impatient();
  submit(0);
  answer(0);
  events.take();
  stream->known_delivery = Delivery{.is_complete = true};
  const auto patience = profile.patience();
  submit(1);
  time.pass(2 * patience);
  EXPECT_EQ(state(), ConnectionState::silent) << "others go elsewhere meanwhile";
  time.turn_to(patience + 2s - 1ms);
  EXPECT_THAT(events.take(), ElementsAre("fell silent"));
  EXPECT_EQ(queries[1].delays, 1);
  answer(1);
  EXPECT_EQ(state(), ConnectionState::ready);
  EXPECT_EQ(queries[1].replies, 1);
}

TEST_F(StreamConnectionTest, AServerWhoseKernelHasEverythingIsNotWaitedForForEver) {
  open();
  submit(0);
  answer(0);
  submit(1);
  stream->known_delivery = Delivery{.is_complete = true};
  time.pass(2s);
  EXPECT_THAT(events.take(), ElementsAre("received", "fell silent"));
  time.pass(999ms);
  EXPECT_THAT(events.take(), IsEmpty());
  time.pass(1ms);
  EXPECT_THAT(events.take(), ElementsAre("closed stalled"));
}

TEST_F(StreamConnectionTest, AServerThatAnswersElsewhereIsNotSlow) {
  open();
  submit(0);
  answer(0);
  submit(1);
  stream->known_delivery = Delivery{.is_complete = true};
  time.pass(1500ms);
  profile.heard(time.clock().now());
  time.pass(500ms);
  EXPECT_THAT(events.take(), ElementsAre("received", "closed stalled"));
}

TEST_F(StreamConnectionTest, ANewConnectionIsGivenNoMoreTimeThoughTheKernelHasEverything) {
  open();
  stream->known_delivery = Delivery{.is_complete = true};
  submit(0);
  time.pass(2s);
  EXPECT_THAT(events.take(), ElementsAre("closed stalled"));
}

TEST_F(StreamConnectionTest, TheKernelIsAskedOnSuspicionAlone) {
  open();
  for (std::size_t i = 0; i < 3; ++i) {
    submit(i);
    time.pass(900ms);
    answer(i);
  }
  time.pass(1min);
  EXPECT_EQ(stream->times_asked_of_delivery, 0);
}

// Proving.

TEST_F(StreamConnectionTest, ProvesItselfByAProbe) {
  open();
  connection->prove(time.clock().now());
  EXPECT_EQ(state(), ConnectionState::proving);
  EXPECT_FALSE(takes_queries(state()));
  const auto probe = take_probe();
  stream->send(reply_to_written(probe, dns::rcode::servfail));
  EXPECT_EQ(state(), ConnectionState::ready);
  EXPECT_THAT(events.take(), ElementsAre("answered probe"));
  time.pass(1h);
  EXPECT_EQ(state(), ConnectionState::ready);
}

TEST_F(StreamConnectionTest, ProvingInVainItAsksForAQueryAndThenIsDead) {
  open();
  connection->prove(time.clock().now());
  time.pass(299ms);
  EXPECT_THAT(events.take(), IsEmpty());
  time.pass(1ms);
  EXPECT_THAT(events.take(), ElementsAre("fell silent"));
  EXPECT_EQ(state(), ConnectionState::proving);
  time.pass(699ms);
  EXPECT_THAT(events.take(), IsEmpty());
  time.pass(1ms);
  EXPECT_THAT(events.take(), ElementsAre("closed stalled"));
  EXPECT_THAT(events.lost, IsEmpty());
}

TEST_F(StreamConnectionTest, AQueryProvesAsWellAsAProbe) {
  open();
  connection->prove(time.clock().now());
  time.pass(300ms);
  submit(0);
  time.pass(100ms);
  answer(0);
  EXPECT_EQ(state(), ConnectionState::ready);
  EXPECT_EQ(queries[0].replies, 1);
  events.take();
  time.pass(10s);
  EXPECT_EQ(state(), ConnectionState::ready) << "the probe was the server's to ignore";
}

TEST_F(StreamConnectionTest, AServerThatIgnoresProbesIsProvenByAnswers) {
  open();
  connection->prove(time.clock().now());
  time.pass(300ms);
  submit(0);
  answer(0);
  while (time.elapsed() < 20s) {
    submit(1);
    time.pass(10ms);
    answer(1);
  }
  EXPECT_TRUE(takes_queries(state())) << "answers come: the probe is of no consequence";
}

TEST_F(StreamConnectionTest, OneWhoseProbeIsUnderWayIsNotProbedTwice) {
  open();
  submit(0);
  stream->take_messages();
  time.pass(1s);
  const auto probe = take_probe();
  connection->prove(time.clock().now());
  EXPECT_THAT(stream->take_messages(), IsEmpty());
  stream->send(reply_to_written(probe));
  EXPECT_EQ(state(), ConnectionState::ready);
}

TEST_F(StreamConnectionTest, RetiredWhileItProvesItCloses) {
  open();
  connection->prove(time.clock().now());
  connection->retire();
  EXPECT_THAT(events.take(), ElementsAre("closed"));
}

// The end at each point.

enum class End : std::uint8_t { close, reset, we_close, we_retire };

class StreamEndTest : public StreamConnectionTest, public ::testing::WithParamInterface<End> {
 protected:
  void end() {
    switch (GetParam()) {
      case End::close:
        return stream->end();
      case End::reset:
        return stream->end(Error::reset);
      case End::we_close:
        return connection->close();
      case End::we_retire:
        return connection->retire();
    }
  }
};

TEST_P(StreamEndTest, IsSaidOnceAndEveryQueryEndsAtEachPoint) {
  constexpr int points = 9;
  for (int point = 0; point < points; ++point) {
    SetUp();
    events.take();
    TestQuery query;
    TestQuery given_up;
    TestQuery other;
    connection->start();
    if (point >= 1) stream->connect();
    if (point >= 2) stream->become_open();
    if (point >= 3) connection->submit(query, time.clock().now());
    if (point >= 3) connection->submit(other, time.clock().now());
    if (point >= 4) connection->submit(given_up, time.clock().now());
    if (point >= 5) connection->abandon(given_up);
    if (point >= 6) time.pass(1s);
    if (point >= 7) stream->send(reply_to(TestQuery("other.example"), 9));
    if (point >= 8) stream->send_bytes(dns::Buffer{0, 40, 0});
    end();
    time.pass(1min);
    const auto said = events.take();
    EXPECT_EQ(std::ranges::count_if(said, [](const auto& word) { return word.starts_with("closed"); }), 1) << point;
    const auto is_lost = std::ranges::find(events.lost, &query) != events.lost.end();
    EXPECT_EQ(is_lost, point >= 3) << point;
    EXPECT_TRUE(stream->is_over());
    EXPECT_FALSE(stream->was_misused) << point;
    stream->release();
    EXPECT_THAT(events.take(), ElementsAre("gone"));
  }
}

std::string name_of(const ::testing::TestParamInfo<End>& tested) {
  constexpr std::array names = {"AClose", "AReset", "OurClose", "OurRetirement"};
  return names[static_cast<std::size_t>(tested.param)];
}

INSTANTIATE_TEST_SUITE_P(All, StreamEndTest, ::testing::Values(End::close, End::reset, End::we_close, End::we_retire),
                         name_of);

}  // namespace
}  // namespace pillion::upstream
