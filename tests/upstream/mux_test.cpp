#include "upstream/mux.hpp"

#include <algorithm>
#include <deque>
#include <set>

#include <gtest/gtest.h>

#include "runtime/random.hpp"
#include "upstream/test_query.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;
using testing::header_reply;
using testing::reply_to;
using testing::TestQuery;

/// The ids for the mux: those of the test, and then consecutive ones.
class MuxTest : public ::testing::Test {
 protected:
  std::uint16_t next_id() {
    if (ids.empty()) return ++last_id;
    const auto id = ids.front();
    ids.pop_front();
    return id;
  }

  std::deque<std::uint16_t> ids;
  std::uint16_t last_id = 1000;
  runtime::Time now = runtime::Time{} + 1h;
  Mux mux{Mux::Path::datagrams, 512, [this] { return next_id(); }};
};

TEST_F(MuxTest, TakesTheIdThatItWasGiven) {
  ids = {0xbeef};
  TestQuery query;
  EXPECT_EQ(mux.add(query, now), 0xbeef);
  EXPECT_EQ(query.id, 0xbeef);
  EXPECT_EQ(mux.in_flight(), 1U);
  EXPECT_EQ(mux.waited_for(), 1U);
}

TEST_F(MuxTest, DrawsAgainWhileTheIdIsTaken) {
  ids = {5, 5, 5, 6};
  TestQuery first;
  TestQuery second;
  mux.add(first, now);
  EXPECT_EQ(mux.add(second, now), 6);
  EXPECT_TRUE(ids.empty());
}

TEST_F(MuxTest, IdsOfManyQueriesDiffer) {
  runtime::Random random;
  Mux full(Mux::Path::datagrams, 32'768, [&] { return random.u16(); });
  TestQuery query;
  std::set<std::uint16_t> seen;
  while (full.has_room()) seen.insert(full.add(query, now));
  EXPECT_EQ(seen.size(), 32'768U);
  EXPECT_EQ(full.in_flight(), 32'768U);
}

TEST_F(MuxTest, FindsTheQueryOfAReply) {
  TestQuery first("first.example");
  TestQuery second("second.example");
  const auto first_id = mux.add(first, now);
  const auto second_id = mux.add(second, now + 10ms);
  const auto received = mux.receive(reply_to(second, second_id, dns::rcode::nxdomain), now + 35ms);
  ASSERT_TRUE(received && received->reply);
  EXPECT_EQ(received->query, &second);
  EXPECT_EQ(received->reply->rcode, dns::rcode::nxdomain);
  EXPECT_EQ(received->reply->latency, 25ms);
  EXPECT_TRUE(received->reply->message);
  EXPECT_EQ(mux.in_flight(), 1U);
  EXPECT_EQ(mux.answered(), 1U);
  EXPECT_EQ(mux.receive(reply_to(first, first_id), now)->query, &first);
}

TEST_F(MuxTest, GivesTheIdBackOnlyOnce) {
  TestQuery query;
  const auto id = mux.add(query, now);
  const auto reply = reply_to(query, id);
  EXPECT_TRUE(mux.receive(reply, now));
  EXPECT_EQ(mux.receive(reply, now).error(), Error::mismatched_reply) << "the same reply again";
  EXPECT_EQ(mux.in_flight(), 0U);
}

TEST_F(MuxTest, ComparesQuestionsWithoutRegardToCase) {
  TestQuery query("WwW.eXample");
  TestQuery lower("wWw.ExaMple");
  const auto id = mux.add(query, now);
  EXPECT_EQ(mux.receive(reply_to(lower, id), now)->query, &query);
}

/// Each changes a good reply so that it matches no query.
struct Mismatch {
  const char* name;
  void (*spoil)(dns::Buffer&);
};
class MuxMismatch : public MuxTest, public ::testing::WithParamInterface<Mismatch> {};

TEST_P(MuxMismatch, IsRefusedAndTakesNothing) {
  TestQuery query;
  const auto id = mux.add(query, now);
  auto reply = reply_to(query, id);
  GetParam().spoil(reply);
  EXPECT_EQ(mux.receive(reply, now).error(), Error::mismatched_reply);
  EXPECT_EQ(mux.in_flight(), 1U);
  EXPECT_EQ(mux.answered(), 0U);
  EXPECT_TRUE(mux.receive(reply_to(query, id), now)) << "the good reply still counts";
}

constexpr std::size_t type_offset = 12 + 13;  // after the header and "www.example."
INSTANTIATE_TEST_SUITE_P(
    All, MuxMismatch,
    ::testing::Values(Mismatch{"AnotherId", [](dns::Buffer& r) { r[1] ^= 1U; }},
                      Mismatch{"AnotherIdOfTheSameSlot", [](dns::Buffer& r) { r[0] ^= 0x80U; }},
                      Mismatch{"AQuery", [](dns::Buffer& r) { r[2] &= 0x7fU; }},
                      Mismatch{"AnotherName", [](dns::Buffer& r) { r[13] = 'v'; }},
                      Mismatch{"AnotherType", [](dns::Buffer& r) { dns::write_u16(r, type_offset, dns::type::aaaa); }},
                      // The bit 0x20 distinguishes upper and lower case, but only in names.
                      Mismatch{"ATypeThatDiffersByTheCaseBit", [](dns::Buffer& r) { r[type_offset + 1] ^= 0x20U; }},
                      Mismatch{"AnotherClass", [](dns::Buffer& r) { dns::write_u16(r, type_offset + 2, 3); }},
                      Mismatch{"TwoQuestions", [](dns::Buffer& r) { dns::write_u16(r, 4, 2); }},
                      Mismatch{"NoQuestionButNoError",
                               [](dns::Buffer& r) {
                                 dns::write_u16(r, 4, 0);
                                 r.resize(dns::header_size);
                               }},
                      Mismatch{"NoQuestionButNxdomain",
                               [](dns::Buffer& r) {
                                 dns::write_u16(r, 4, 0);
                                 r[3] = (r[3] & 0xf0U) | dns::rcode::nxdomain;
                               }},
                      Mismatch{"AQuestionCutShort", [](dns::Buffer& r) { r.pop_back(); }}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(MuxTest, RefusesWhatIsNoHeader) {
  TestQuery query;
  mux.add(query, now);
  EXPECT_EQ(mux.receive({}, now).error(), Error::malformed_reply);
  EXPECT_EQ(mux.receive(dns::Buffer(11, 0), now).error(), Error::malformed_reply);
  EXPECT_EQ(mux.in_flight(), 1U);
}

TEST_F(MuxTest, TakesAnErrorWithoutItsQuestion) {
  TestQuery query;
  const auto id = mux.add(query, now);
  const auto received = mux.receive(header_reply(id, dns::rcode::formerr), now);
  ASSERT_TRUE(received && received->reply);
  EXPECT_EQ(received->query, &query);
  EXPECT_EQ(received->reply->rcode, dns::rcode::formerr);
  EXPECT_FALSE(received->reply->message);
}

TEST_F(MuxTest, GivesTheIdBackWhenTheRestIsMalformed) {
  TestQuery query;
  auto reply = reply_to(query, mux.add(query, now));
  reply.push_back(0);
  const auto received = mux.receive(reply, now);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->query, &query);
  EXPECT_EQ(received->reply.error(), Error::malformed_reply);
  EXPECT_EQ(mux.in_flight(), 0U);
}

TEST_F(MuxTest, AnAbandonedQueryKeepsItsIdUntilTheReply) {
  ids = {7};
  auto query = std::make_unique<TestQuery>();
  const auto reply = reply_to(*query, mux.add(*query, now));
  mux.abandon(*query);
  query.reset();  // its bytes are gone, and only the mux has a copy of the question
  EXPECT_EQ(mux.in_flight(), 1U);
  EXPECT_EQ(mux.waited_for(), 0U);

  ids = {7, 8};
  TestQuery other("other.example");
  EXPECT_EQ(mux.add(other, now), 8);
  EXPECT_EQ(mux.receive(reply_to(other, 7), now).error(), Error::mismatched_reply)
      << "the id of one, the question of another";

  const auto late = mux.receive(reply, now);
  ASSERT_TRUE(late && late->reply);
  EXPECT_EQ(late->query, nullptr);
  EXPECT_EQ(mux.in_flight(), 1U);
  EXPECT_EQ(mux.waited_for(), 1U);
  ids = {7};
  TestQuery third;
  EXPECT_EQ(mux.add(third, now), 7) << "free again";
}

TEST_F(MuxTest, SwallowsAMalformedReplyToAnAbandonedQuery) {
  TestQuery query;
  auto reply = reply_to(query, mux.add(query, now));
  reply.push_back(0);
  mux.abandon(query);
  const auto late = mux.receive(reply, now);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->query, nullptr);
  EXPECT_EQ(late->reply.error(), Error::malformed_reply);
  EXPECT_EQ(mux.in_flight(), 0U);
}

TEST_F(MuxTest, AbandonedQueriesCountAgainstTheLimit) {
  Mux small(Mux::Path::datagrams, 2, [this] { return next_id(); });
  TestQuery first;
  TestQuery second;
  const auto id = small.add(first, now);
  EXPECT_TRUE(small.has_room());
  small.add(second, now);
  EXPECT_FALSE(small.has_room());
  const auto reply = reply_to(first, id);
  small.abandon(first);
  EXPECT_FALSE(small.has_room());
  EXPECT_TRUE(small.receive(reply, now));
  EXPECT_TRUE(small.has_room());
}

TEST_F(MuxTest, GrowingKeepsOrderIdsAndAbandonedQuestions) {
  std::deque<TestQuery> queries(200);
  std::vector<Query*> expected;
  dns::Buffer late;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    // Ids in falling order, so that the order of the slots is not the order of sending.
    ids = {static_cast<std::uint16_t>(60'000 - 7 * i)};
    const auto id = mux.add(queries[i], now + std::chrono::milliseconds(i));
    if (i == 20) {
      late = reply_to(queries[i], id);
      mux.abandon(queries[i]);
    } else if (i % 3 == 0) {
      EXPECT_EQ(mux.receive(reply_to(queries[i], id), now)->query, &queries[i]);
    } else {
      expected.push_back(&queries[i]);
    }
  }
  EXPECT_EQ(mux.oldest_unanswered(), now + 1ms);
  EXPECT_EQ(mux.receive(late, now)->query, nullptr);
  EXPECT_EQ(mux.close(), expected);
}

TEST_F(MuxTest, CloseReturnsWhoIsWaitedForInTheOrderOfSending) {
  TestQuery first;
  TestQuery second;
  TestQuery third;
  ids = {30, 20, 10};
  for (auto* const query : {&first, &second, &third}) mux.add(*query, now);
  const auto reply = reply_to(first, 30);
  mux.abandon(second);
  EXPECT_EQ(mux.close(), (std::vector<Query*>{&first, &third}));
  EXPECT_EQ(mux.in_flight(), 0U);
  EXPECT_EQ(mux.waited_for(), 0U);
  EXPECT_EQ(mux.oldest_unanswered(), std::nullopt);
  EXPECT_EQ(mux.receive(reply, now).error(), Error::mismatched_reply);
  EXPECT_TRUE(mux.close().empty());
}

TEST_F(MuxTest, KnowsTheOldestQueryWithoutAReply) {
  EXPECT_EQ(mux.oldest_unanswered(), std::nullopt);
  TestQuery first;
  TestQuery second;
  TestQuery third;
  const auto first_id = mux.add(first, now);
  const auto second_id = mux.add(second, now + 1s);
  const auto third_id = mux.add(third, now + 2s);
  EXPECT_TRUE(mux.receive(reply_to(second, second_id), now));
  EXPECT_EQ(mux.oldest_unanswered(), now);
  const auto late = reply_to(first, first_id);
  mux.abandon(first);
  EXPECT_EQ(mux.oldest_unanswered(), now) << "the server owes an abandoned query its reply too";
  EXPECT_TRUE(mux.receive(late, now));
  EXPECT_EQ(mux.oldest_unanswered(), now + 2s);
  EXPECT_TRUE(mux.receive(reply_to(third, third_id), now));
  EXPECT_EQ(mux.oldest_unanswered(), std::nullopt);
}

// Differences between a stream and datagrams.

class MuxPathTest : public MuxTest {
 protected:
  Mux stream{Mux::Path::stream, 512, [this] { return next_id(); }};
};

TEST_F(MuxPathTest, OnAStreamAnotherQuestionIsTheServersWrongAnswer) {
  TestQuery query;
  const TestQuery other("other.example");
  const auto id = stream.add(query, now);
  const auto received = stream.receive(reply_to(other, id), now);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->query, &query);
  EXPECT_EQ(received->reply.error(), Error::mismatched_reply);
  EXPECT_EQ(stream.in_flight(), 0U);
}

TEST_F(MuxPathTest, OfDatagramsTwoNearMissesArePassedOverAndTheThirdIsReported) {
  TestQuery query;
  const TestQuery other("other.example");
  const auto id = mux.add(query, now);
  for (int i = 0; i < Mux::near_misses_passed_over; ++i) {
    EXPECT_EQ(mux.receive(reply_to(other, id), now).error(), Error::mismatched_reply);
    EXPECT_EQ(mux.in_flight(), 1U);
  }
  const auto received = mux.receive(reply_to(other, id), now);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->query, &query);
  EXPECT_EQ(received->reply.error(), Error::mismatched_reply);
  EXPECT_EQ(mux.in_flight(), 0U);
}

TEST_F(MuxPathTest, NearMissesAreCountedForEachQuery) {
  const TestQuery other("other.example");
  for (int i = 0; i < 3; ++i) {
    TestQuery query;
    ids = {7};  // the same slot each time
    const auto id = mux.add(query, now);
    for (int j = 0; j < Mux::near_misses_passed_over; ++j) EXPECT_FALSE(mux.receive(reply_to(other, id), now));
    EXPECT_EQ(mux.receive(reply_to(query, id), now)->query, &query);
  }
}

TEST_F(MuxPathTest, NearMissesOfAnAbandonedQueryGiveNothingBack) {
  TestQuery query;
  const TestQuery other("other.example");
  const auto id = mux.add(query, now);
  const auto late = reply_to(query, id);
  mux.abandon(query);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(mux.receive(reply_to(other, id), now));
  EXPECT_EQ(mux.in_flight(), 1U);
  EXPECT_TRUE(mux.receive(late, now));
}

TEST_F(MuxPathTest, OnAStreamEachErrorIsTakenWithoutItsQuestion) {
  for (const auto rcode : {dns::rcode::formerr, dns::rcode::servfail, dns::rcode::notimp, dns::rcode::refused}) {
    TestQuery query;
    const auto received = stream.receive(header_reply(stream.add(query, now), rcode), now);
    ASSERT_TRUE(received && received->reply) << rcode;
    EXPECT_EQ(received->reply->rcode, rcode);
  }
}

TEST_F(MuxPathTest, OfDatagramsOnlyWhatMayBeBecauseOfEdnsIs) {
  for (const auto rcode : {dns::rcode::servfail, dns::rcode::refused}) {
    TestQuery query;
    EXPECT_FALSE(mux.receive(header_reply(mux.add(query, now), rcode), now)) << rcode;
  }
  for (const auto rcode : {dns::rcode::formerr, dns::rcode::notimp}) {
    TestQuery query;
    EXPECT_TRUE(mux.receive(header_reply(mux.add(query, now), rcode), now)) << rcode;
    TestQuery without;
    without.without_edns = true;
    EXPECT_FALSE(mux.receive(header_reply(mux.add(without, now), rcode), now)) << rcode;
    TestQuery is_signed;
    is_signed.opaque = true;
    EXPECT_FALSE(mux.receive(header_reply(mux.add(is_signed, now), rcode), now)) << rcode;
  }
}

/// A reply with TC whose records end in the middle.
dns::Buffer truncated_reply(const Query& query) {
  auto reply = reply_to(query, query.id);
  dns::write_u16(reply, 2, static_cast<std::uint16_t>(dns::read_u16(reply, 2) | dns::flag::tc));
  dns::write_u16(reply, 6, 1);
  dns::append(reply, dns::Buffer{0xc0, 12, 0});
  return reply;
}

TEST_F(MuxPathTest, OfDatagramsTcIsSeenBeforeTheRecordsAreRead) {
  TestQuery query;
  mux.add(query, now);
  const auto received = mux.receive(truncated_reply(query), now);
  ASSERT_TRUE(received && received->reply);
  EXPECT_TRUE(received->reply->is_truncated);
  EXPECT_FALSE(received->reply->message);
}

TEST_F(MuxPathTest, OnAStreamHalfAMessageIsMalformedWhateverItSays) {
  TestQuery query;
  stream.add(query, now);
  const auto received = stream.receive(truncated_reply(query), now);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->reply.error(), Error::malformed_reply);
}

TEST_F(MuxPathTest, ADatagramThatTheBufferCutIsTruncated) {
  TestQuery query;
  const auto id = mux.add(query, now);
  const auto received = mux.receive(reply_to(query, id), now, true);
  ASSERT_TRUE(received && received->reply);
  EXPECT_TRUE(received->reply->is_truncated);
}

TEST_F(MuxPathTest, WhatNeverLeftIsTakenBack) {
  TestQuery query;
  TestQuery given_up;
  const auto id = mux.add(query, now);
  const auto other = mux.add(given_up, now);
  mux.abandon(given_up);
  EXPECT_EQ(mux.take_back(other), nullptr) << "nobody waits for it";
  EXPECT_EQ(mux.take_back(static_cast<std::uint16_t>(id + 500)), nullptr);
  EXPECT_EQ(mux.take_back(id), &query);
  EXPECT_EQ(mux.take_back(id), nullptr);
  EXPECT_EQ(mux.in_flight(), 1U);
}

TEST_F(MuxPathTest, KnowsTheOldestThatIsWaitedForOneLeftApart) {
  TestQuery first;
  TestQuery second;
  TestQuery third;
  for (auto* const query : {&first, &second, &third}) {
    mux.add(*query, now);
    now += 1s;
  }
  const auto start = now - 3s;
  EXPECT_EQ(mux.oldest_waited_for(nullptr), start);
  EXPECT_EQ(mux.oldest_waited_for(&first), start + 1s);
  mux.abandon(second);
  EXPECT_EQ(mux.oldest_waited_for(&first), start + 2s);
  EXPECT_EQ(mux.take_oldest(&first), &third);
  EXPECT_EQ(mux.oldest_waited_for(&first), std::nullopt);
  mux.delay_all(nullptr);
  EXPECT_EQ(first.delays, 1);
  EXPECT_EQ(second.delays, 0);
}

}  // namespace
}  // namespace pillion::upstream
