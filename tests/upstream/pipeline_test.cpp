#include "upstream/pipeline.hpp"

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/hand_turned.hpp"
#include "upstream/test_query.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Verdict = Liveness::Verdict;
using testing::reply_to;
using testing::TestQuery;

using pillion::testing::start_time;
constexpr auto id_lifetime = 30s;
constexpr runtime::Duration patience = 1s;

class PipelineTest : public ::testing::Test {
 protected:
  PipelineTest() { pipeline.begin(start_time); }
  void send(std::size_t i, runtime::Duration at) { pipeline.add(queries[i], start_time + at); }
  [[nodiscard]] Pipeline::Receipt answer(const Query& query, runtime::Duration at) {
    return pipeline.receive(reply_to(query, query.id), start_time + at).value();
  }
  [[nodiscard]] std::optional<runtime::Time> look_at(runtime::Duration at) const {
    return pipeline.look_at(start_time + at, id_lifetime, patience);
  }
  [[nodiscard]] Verdict look(runtime::Duration at) { return pipeline.look(start_time + at, patience); }

  std::uint16_t next_id = 0;
  Pipeline pipeline{Mux::Path::stream, 512, 512, [this] { return ++next_id; }};
  std::deque<TestQuery> queries{4};
};

TEST_F(PipelineTest, AnIdleConnectionIsNotSilent) {
  EXPECT_EQ(look(1h), Verdict::wait);
  EXPECT_FALSE(look_at(1h));
  send(0, 1h);
  EXPECT_EQ(look(1h + 999ms), Verdict::wait) << "silent since the query, not since the last reply";
  EXPECT_EQ(look_at(1h), start_time + 1h + 1s);
}

TEST_F(PipelineTest, ASilenceIsProbedAndThenTheConnectionIsDead) {
  send(0, 0s);
  EXPECT_EQ(look(1s), Verdict::probe);
  const auto& probe = pipeline.start_probe(start_time + 1s, Pipeline::Purpose::silence, {});
  EXPECT_EQ(dns::read_u16(probe.message, dns::header_size + 1), dns::type::ns) << "the root's name servers";
  EXPECT_EQ(look_at(1s), start_time + 2s);
  EXPECT_EQ(look(1999ms), Verdict::wait) << "with the longest patience it is dead when it is silent";
  EXPECT_EQ(look(2s), Verdict::dead);
  EXPECT_THAT(pipeline.close(), ElementsAre(&queries[0])) << "the probe is nobody's";
}

TEST_F(PipelineTest, AServerThatIsQuickOtherwiseIsSilentSooner) {
  const runtime::Duration short_patience = 50ms;
  send(0, 0s);
  EXPECT_EQ(pipeline.look_at(start_time, id_lifetime, short_patience), start_time + 50ms);
  EXPECT_EQ(pipeline.look(start_time + 49ms, short_patience), Verdict::wait);
  EXPECT_EQ(pipeline.look(start_time + 50ms, short_patience), Verdict::probe);
  const auto& probe = pipeline.start_probe(start_time + 50ms, Pipeline::Purpose::silence, {});
  EXPECT_EQ(pipeline.look(start_time + 99ms, short_patience), Verdict::wait);
  EXPECT_EQ(pipeline.look_at(start_time + 50ms, id_lifetime, short_patience), start_time + 100ms);
  EXPECT_EQ(pipeline.look(start_time + 100ms, short_patience), Verdict::silent);
  EXPECT_EQ(pipeline.look_at(start_time + 100ms, id_lifetime, short_patience), start_time + 1050ms);
  EXPECT_EQ(pipeline.look(start_time + 1049ms, short_patience), Verdict::silent) << "and not dead for all that";
  EXPECT_EQ(pipeline.look(start_time + 1050ms, short_patience), Verdict::dead);
  EXPECT_TRUE(answer(probe, 1049ms).is_of_probe);
}

TEST_F(PipelineTest, EachProbeThatIsAnsweredDoublesTheWaitForTheNext) {
  const runtime::Duration short_patience = 50ms;
  send(0, 0s);
  auto at = 0ms;
  for (const auto wait : {50ms, 100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    EXPECT_EQ(pipeline.look(start_time + at + wait - 1ms, short_patience), Verdict::wait) << wait.count();
    at += wait;
    EXPECT_EQ(pipeline.look(start_time + at, short_patience), Verdict::probe) << wait.count();
    static_cast<void>(answer(pipeline.start_probe(start_time + at, Pipeline::Purpose::silence, {}), at));
  }
  static_cast<void>(answer(queries[0], at));
  send(1, at);
  EXPECT_EQ(pipeline.look(start_time + at + 50ms, short_patience), Verdict::probe) << "an answer starts anew";
}

TEST_F(PipelineTest, AQueryThatIsOldIsReasonForAProbeThoughOthersAreAnswered) {
  send(0, 0s);
  for (auto at = 100ms; at < 2s; at += 100ms) {
    send(1, at);
    static_cast<void>(answer(queries[1], at));
    EXPECT_EQ(look(at), Verdict::wait);
  }
  EXPECT_EQ(look(2s), Verdict::probe);
  static_cast<void>(pipeline.start_probe(start_time + 2s, Pipeline::Purpose::silence, {}));
  for (auto at = 2100ms; at < 3s; at += 100ms) {
    send(1, at);
    static_cast<void>(answer(queries[1], at));
    EXPECT_EQ(look(at), Verdict::wait) << at.count();
  }
  EXPECT_EQ(look(3s), Verdict::probe_ignored) << "others are answered, and neither the query nor the probe";
}

TEST_F(PipelineTest, AProbeThatWasIgnoredOnceIsNotHeldAgainstALaterQuery) {
  const runtime::Duration short_patience = 50ms;
  send(0, 0s);
  static_cast<void>(pipeline.start_probe(start_time + 50ms, Pipeline::Purpose::silence, {}));
  static_cast<void>(answer(queries[0], 60ms));
  send(1, 10s);
  EXPECT_EQ(pipeline.look(start_time + 10s + 49ms, short_patience), Verdict::wait);
  EXPECT_EQ(pipeline.look(start_time + 10s + 50ms, short_patience), Verdict::silent);
  EXPECT_EQ(pipeline.look(start_time + 10s + 999ms, short_patience), Verdict::silent);
  EXPECT_EQ(pipeline.look(start_time + 11s, short_patience), Verdict::dead);
}

TEST_F(PipelineTest, ASilenceThatNobodyWaitsInAnyMoreHasItsEndAllTheSame) {
  const runtime::Duration short_patience = 50ms;
  send(0, 0s);
  static_cast<void>(pipeline.start_probe(start_time + 50ms, Pipeline::Purpose::silence, {}));
  EXPECT_TRUE(pipeline.fall_silent());
  pipeline.delay_all();
  pipeline.abandon(queries[0]);
  EXPECT_EQ(pipeline.look(start_time + 1049ms, short_patience), Verdict::silent);
  EXPECT_EQ(pipeline.look(start_time + 1050ms, short_patience), Verdict::dead);
}

TEST_F(PipelineTest, AProbeOfTheServerIsWaitedForThoughNobodyElseWaits) {
  const auto& probe = pipeline.start_probe(start_time, Pipeline::Purpose::server, {});
  EXPECT_TRUE(pipeline.is_probing());
  EXPECT_EQ(look(999ms), Verdict::wait);
  EXPECT_EQ(look(1s), Verdict::dead);
  EXPECT_TRUE(answer(probe, 900ms).is_of_probe);
  EXPECT_FALSE(pipeline.is_probing());
  EXPECT_EQ(look(1h), Verdict::wait);
  EXPECT_FALSE(look_at(1h));
}

TEST_F(PipelineTest, WhoWaitsIsToldOfASilenceAndTheProbeIsNot) {
  send(0, 0s);
  send(1, 0s);
  pipeline.abandon(queries[1]);
  static_cast<void>(pipeline.start_probe(start_time + 1s, Pipeline::Purpose::silence, {}));
  EXPECT_TRUE(pipeline.fall_silent());
  pipeline.delay_all();
  EXPECT_EQ(queries[0].delays, 1);
  EXPECT_EQ(queries[1].delays, 0);
}

TEST_F(PipelineTest, TakesTheOldestQueryOutAndLeavesTheProbe) {
  static_cast<void>(pipeline.start_probe(start_time, Pipeline::Purpose::server, {}));
  send(0, 1ms);
  send(1, 2ms);
  EXPECT_EQ(pipeline.take_oldest(), &queries[0]);
  EXPECT_EQ(pipeline.take_oldest(), &queries[1]);
  EXPECT_EQ(pipeline.take_oldest(), nullptr);
  EXPECT_TRUE(pipeline.is_probing());
  EXPECT_EQ(pipeline.in_flight(), 0U);
}

TEST_F(PipelineTest, AnAnsweredProbeShowsThatTheNameIsSlow) {
  send(0, 0s);
  for (auto at = 1s; at < 10s; at += 1s) {
    ASSERT_EQ(look(at), Verdict::probe);
    const auto& probe = pipeline.start_probe(start_time + at, Pipeline::Purpose::silence, {});
    EXPECT_TRUE(answer(probe, at).is_of_probe);
  }
  EXPECT_FALSE(answer(queries[0], 9s).is_of_probe);
  EXPECT_EQ(look(1h), Verdict::wait);
}

TEST_F(PipelineTest, AnyReplyEndsTheSilence) {
  send(0, 0s);
  send(1, 0s);
  EXPECT_EQ(look(1s), Verdict::probe);
  static_cast<void>(pipeline.start_probe(start_time + 1s, Pipeline::Purpose::silence, {}));
  static_cast<void>(answer(queries[1], 1500ms));
  EXPECT_EQ(look(2s), Verdict::wait);
  EXPECT_EQ(look(2500ms), Verdict::dead) << "silent again";
}

TEST_F(PipelineTest, AServerThatAnswersNoProbesIsNotDeadWhereNobodyElseWaits) {
  send(0, 0s);
  EXPECT_EQ(look(1s), Verdict::probe);
  static_cast<void>(pipeline.start_probe(start_time + 1s, Pipeline::Purpose::silence, {}));
  static_cast<void>(answer(queries[0], 1100ms));
  EXPECT_EQ(look(1h), Verdict::wait);
  // Only the probe's own id must be given back.
  EXPECT_EQ(look_at(1100ms), start_time + 1s + id_lifetime);
  EXPECT_FALSE(pipeline.holds_id_too_long(start_time + 30s, id_lifetime));
  EXPECT_TRUE(pipeline.holds_id_too_long(start_time + 31s, id_lifetime));
  EXPECT_EQ(look_at(31s), start_time + 31s + id_lifetime) << "once in a lifetime";
}

TEST_F(PipelineTest, WhatNobodyWaitsForIsNotProbed) {
  send(0, 0s);
  pipeline.abandon(queries[0]);
  EXPECT_EQ(look(10s), Verdict::wait);
  EXPECT_EQ(pipeline.in_flight(), 1U);
  send(1, 9500ms);
  EXPECT_EQ(look(10s), Verdict::wait);
  EXPECT_EQ(look(10500ms), Verdict::probe);
}

TEST_F(PipelineTest, TheProbeIsInNoNumber) {
  send(0, 0s);
  static_cast<void>(pipeline.start_probe(start_time + 1s, Pipeline::Purpose::silence, {}));
  EXPECT_EQ(pipeline.in_flight(), 1U);
  EXPECT_EQ(pipeline.waited_for(), 1U);
  pipeline.abandon(queries[0]);
  EXPECT_EQ(pipeline.waited_for(), 0U);
  EXPECT_THAT(pipeline.close(), IsEmpty());
  EXPECT_EQ(pipeline.in_flight(), 0U);
}

TEST_F(PipelineTest, WhatTheProbeWakesHadBeenLeftLying) {
  // Two queries in one TLS record: the server answers one, and the other one only when more data comes.
  send(0, 0s);
  send(1, 0s);
  static_cast<void>(answer(queries[0], 10ms));
  EXPECT_EQ(look(1010ms), Verdict::probe);
  const auto& probe = pipeline.start_probe(start_time + 1010ms, Pipeline::Purpose::silence, {});
  EXPECT_TRUE(answer(queries[1], 1020ms).was_left_lying);
  EXPECT_FALSE(answer(probe, 1020ms).was_left_lying);
}

TEST_F(PipelineTest, WhatIsOnlySlowHadNotBeenLeftLying) {
  send(0, 0s);
  send(1, 0s);
  static_cast<void>(answer(queries[0], 10ms));
  EXPECT_EQ(look(1010ms), Verdict::probe);
  const auto& probe = pipeline.start_probe(start_time + 1010ms, Pipeline::Purpose::silence, {});
  EXPECT_FALSE(answer(probe, 1020ms).was_left_lying);
  EXPECT_FALSE(answer(queries[1], 1500ms).was_left_lying);
  // Nothing has come since the query was sent: the whole connection was silent, not only a part of it.
  send(2, 2s);
  EXPECT_EQ(look(3s), Verdict::probe);
  static_cast<void>(pipeline.start_probe(start_time + 3s, Pipeline::Purpose::silence, {}));
  EXPECT_FALSE(answer(queries[2], 3010ms).was_left_lying);
}

TEST_F(PipelineTest, WhatABusyServerComesToHadNotBeenLeftLying) {
  send(0, 0s);
  send(1, 0s);
  static_cast<void>(answer(queries[0], 10ms));
  send(2, 20ms);
  EXPECT_EQ(look(1010ms), Verdict::probe);
  static_cast<void>(pipeline.start_probe(start_time + 1010ms, Pipeline::Purpose::silence, {}));
  EXPECT_FALSE(answer(queries[1], 1020ms).was_left_lying) << "a query that came later has no answer either";
}

class WhileOthersAreAnswered : public PipelineTest {
 protected:
  /// At 2 s one query has waited since 0 s, and another since 1999 ms, while one in between was answered.
  void SetUp() override {
    send(0, 0s);
    send(1, 1790ms);
    static_cast<void>(answer(queries[1], 1800ms));
    send(2, 1999ms);
    ASSERT_EQ(look(2s), Verdict::probe);
    ASSERT_FALSE(pipeline.is_quiet(start_time + 2s, patience));
    static_cast<void>(pipeline.start_probe(start_time + 2s, Pipeline::Purpose::oldest_query, {}));
  }
};

TEST_F(WhileOthersAreAnswered, AQueryThatIsAnsweredAsUsualHadNotBeenLeftLying) {
  EXPECT_FALSE(answer(queries[2], 2001ms).was_left_lying);
  EXPECT_FALSE(answer(queries[0], 2002ms).was_left_lying) << "it is only slow";
}

TEST_F(WhileOthersAreAnswered, TheOldestHadBeenLeftLyingWhereItComesNext) {
  // For each record, the server answers one query of the earlier ones.
  EXPECT_TRUE(answer(queries[0], 2001ms).was_left_lying);
  EXPECT_FALSE(answer(queries[2], 2002ms).was_left_lying);
}

}  // namespace
}  // namespace pillion::upstream
