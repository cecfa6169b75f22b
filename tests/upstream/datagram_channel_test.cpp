#include "upstream/datagram_channel.hpp"

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
using testing::reply_to;
using ::testing::SizeIs;
using testing::TestQuery;

/// Keeps its queries until the test chooses their outcome.
class HeldChannel final : public Channel, public QueryHolder {
 public:
  void start() override { started = true; }
  std::optional<Error> submit(Query& query, runtime::Time /*now*/) override {
    ++submitted;
    if (refusal) return refusal;
    query.holder = this;
    held.push_back(&query);
    return std::nullopt;
  }
  void abandon(Query& query) override {
    ++abandoned;
    ASSERT_EQ(std::erase(held, &query), 1U) << "it is not here";
  }
  void stop() override { stopped = true; }
  [[nodiscard]] bool empty() const override { return held.empty(); }
  [[nodiscard]] const ServerProfile& profile() const override { return profile_; }
  [[nodiscard]] const std::string& server() const override { return name_; }
  [[nodiscard]] bool tried() const override { return started; }
  [[nodiscard]] ServerMetrics& metrics() override { return metrics_; }
  void count_failure(Error error, runtime::Time /*now*/) override { metrics_.count_failure(error); }
  [[nodiscard]] ServerFacts facts(runtime::Time) const override { return {}; }
  void on_recovery(std::function<void()> listener) override { recovered = std::move(listener); }

  Query& take(std::size_t i = 0) {
    auto* const query = held.at(i);
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
    return *query;
  }
  void answer(std::size_t i = 0, std::uint16_t rcode = dns::rcode::noerror) {
    auto& query = take(i);
    const auto bytes = reply_to(query, 1, rcode);
    query.replied(Reply{.message = *dns::MessageView::parse(bytes), .rcode = rcode});
  }
  void truncate(std::size_t i = 0, std::uint16_t rcode = dns::rcode::noerror) {
    take(i).replied(Reply{.message = {}, .rcode = rcode, .is_truncated = true});
  }
  void fail(Error error, std::size_t i = 0) { take(i).failed(error); }

  bool started = false;
  bool stopped = false;
  int submitted = 0;
  int abandoned = 0;
  std::optional<Error> refusal;
  std::vector<Query*> held;
  std::function<void()> recovered;

 private:
  ServerProfile profile_{std::make_shared<EdnsSupport>()};
  ServerMetrics metrics_;
  std::string name_ = "192.0.2.53:53";
};

/// Keeps the reply's bytes.
class KeptAnswer final : public Query {
 public:
  KeptAnswer() {
    dns::append_query(message, 0, dns::flag::rd | dns::flag::cd, dns::parse_name("big.example").value(), dns::type::txt,
                      dns::klass::in);
  }
  void replied(const Reply& reply) override {
    rcode = reply.rcode;
    truncated = reply.is_truncated;
    if (reply.message) bytes.assign(reply.message->bytes().begin(), reply.message->bytes().end());
  }
  void failed(Error failure) override { error = failure; }

  std::optional<std::uint16_t> rcode;
  std::optional<Error> error;
  bool truncated = false;
  dns::Buffer bytes;
};

class DatagramChannelTest : public ::testing::Test {
 protected:
  DatagramChannelTest() {
    auto over_udp = std::make_unique<HeldChannel>();
    auto over_tcp = std::make_unique<HeldChannel>();
    udp = over_udp.get();
    tcp = over_tcp.get();
    channel.emplace(time, memory, std::move(over_udp), std::move(over_tcp));
    channel->start();
  }
  std::optional<Error> submit(Query& asked) { return channel->submit(asked, time.clock().now()); }
  /// Checks that neither a query nor a deadline is left.
  void TearDown() override {
    EXPECT_THAT(udp->held, IsEmpty());
    EXPECT_THAT(tcp->held, IsEmpty());
    const auto submitted = udp->submitted + tcp->submitted;
    time.pass(1h);
    EXPECT_EQ(udp->submitted + tcp->submitted, submitted);
  }

  pillion::testing::HandTurned time;
  HeldChannel* udp = nullptr;
  HeldChannel* tcp = nullptr;
  runtime::MemoryShare memory;
  std::optional<DatagramChannel> channel;
  TestQuery query;
};

TEST_F(DatagramChannelTest, IsTheServerThatIsAskedOverUdp) {
  EXPECT_TRUE(udp->started);
  EXPECT_FALSE(tcp->started) << "not before it is needed";
  EXPECT_EQ(&channel->profile(), &udp->profile());
  EXPECT_EQ(&channel->metrics(), &udp->metrics());
  EXPECT_EQ(channel->server(), "192.0.2.53:53");
  bool told = false;
  channel->on_recovery([&] { told = true; });
  udp->recovered();
  EXPECT_TRUE(told);
  channel->stop();
  EXPECT_TRUE(udp->stopped);
  EXPECT_TRUE(tcp->stopped);
}

TEST_F(DatagramChannelTest, AnAnswerIsTheAnswer) {
  query.dnssec_ok = true;
  EXPECT_EQ(submit(query), std::nullopt);
  ASSERT_THAT(udp->held, SizeIs(1));
  EXPECT_EQ(udp->held[0]->message, query.message);
  EXPECT_TRUE(udp->held[0]->dnssec_ok);
  udp->answer(0, dns::rcode::nxdomain);
  EXPECT_EQ(query.rcode, dns::rcode::nxdomain);
  EXPECT_EQ(tcp->submitted, 0);
}

TEST_F(DatagramChannelTest, ARefusalToTakeItIsPassedOn) {
  udp->refusal = Error::connect_refused;
  EXPECT_EQ(submit(query), Error::connect_refused);
  EXPECT_TRUE(query.is_open());
}

TEST_F(DatagramChannelTest, AFailureIsTheFailure) {
  static_cast<void>(submit(query));
  udp->fail(Error::stalled);
  EXPECT_EQ(query.errors, std::vector{Error::stalled});
  EXPECT_EQ(tcp->submitted, 0) << "TCP does not mend a server that is away";
}

TEST_F(DatagramChannelTest, ASilenceIsPassedOn) {
  static_cast<void>(submit(query));
  udp->held[0]->delayed();
  EXPECT_EQ(query.delays, 1);
  udp->answer();
}

TEST_F(DatagramChannelTest, WhatIsKnownOfTheQueryGoesAlongAndComesBack) {
  query.suspicion.endings = 3;
  static_cast<void>(submit(query));
  EXPECT_EQ(udp->held[0]->suspicion.endings, 3U);
  ++udp->held[0]->suspicion.endings;
  udp->fail(Error::stalled);
  EXPECT_EQ(query.suspicion.endings, 4U);
}

// Over TCP.

TEST_F(DatagramChannelTest, ATruncatedAnswerIsAskedForOverTcp) {
  static_cast<void>(submit(query));
  udp->truncate();
  EXPECT_TRUE(query.is_open());
  ASSERT_THAT(tcp->held, SizeIs(1));
  time.pass(2s);
  EXPECT_EQ(udp->submitted, 1) << "nothing is sent again over UDP";
  tcp->answer();
  EXPECT_EQ(query.replies, 1);
  EXPECT_FALSE(query.truncated);
}

TEST_F(DatagramChannelTest, WhereTcpFailsTheTruncatedAnswerIsHandedOnWithTc) {
  KeptAnswer asked;
  static_cast<void>(submit(asked));
  udp->truncate(0, dns::rcode::nxdomain);
  tcp->fail(Error::connect_timeout);
  EXPECT_FALSE(asked.error);
  EXPECT_EQ(asked.rcode, dns::rcode::nxdomain);
  EXPECT_TRUE(asked.truncated);
  const auto view = dns::MessageView::parse(asked.bytes);
  ASSERT_TRUE(view) << "a whole message, without records";
  EXPECT_TRUE(view->header().is_truncated());
  EXPECT_TRUE(view->header().is_response());
  EXPECT_EQ(view->header().rcode(), dns::rcode::nxdomain);
  EXPECT_EQ(dns::read_u16(asked.bytes, 2) & dns::flag::cd, dns::flag::cd);
  EXPECT_EQ(dns::read_u16(asked.bytes, 4), 1U);
  EXPECT_EQ(view->question_end(), asked.bytes.size());
}

TEST_F(DatagramChannelTest, WhereTcpSaysNothingTheTruncatedAnswerIsHandedOnAndTheTimeoutCounted) {
  static_cast<void>(submit(query));
  udp->truncate();
  time.pass(DatagramChannel::stream_patience - 1ms);
  EXPECT_TRUE(query.is_open());
  time.pass(1ms);
  EXPECT_TRUE(query.truncated);
  EXPECT_THAT(tcp->held, IsEmpty());
  EXPECT_EQ(tcp->metrics().failures[Error::timeout].value(), 1U);
  EXPECT_EQ(udp->metrics().failures[Error::timeout].value(), 0U);
}

TEST_F(DatagramChannelTest, WhereTcpIsBackedOffFromTheTruncatedAnswerIsHandedOnAtOnce) {
  static_cast<void>(submit(query));
  tcp->refusal = Error::connect_refused;
  udp->truncate();
  EXPECT_EQ(query.replies, 1);
  EXPECT_TRUE(query.truncated);
}

TEST_F(DatagramChannelTest, WhereTcpSaysThatItIsTruncatedItIs) {
  static_cast<void>(submit(query));
  udp->truncate();
  tcp->truncate();
  EXPECT_EQ(query.replies, 1);
  EXPECT_TRUE(query.truncated);
}

TEST_F(DatagramChannelTest, ATruncatedAnswerIsForgottenWithItsQuery) {
  static_cast<void>(submit(query));
  udp->truncate();
  tcp->answer();
  TestQuery next;
  static_cast<void>(submit(next));
  udp->fail(Error::stalled);
  EXPECT_EQ(next.errors, std::vector{Error::stalled}) << "the first one's truncated answer is not its answer";
}

class DatagramChannelMendedTest : public DatagramChannelTest, public ::testing::WithParamInterface<Error> {};

TEST_P(DatagramChannelMendedTest, IsAskedForOverTcp) {
  static_cast<void>(submit(query));
  udp->fail(GetParam());
  EXPECT_TRUE(query.is_open());
  ASSERT_THAT(tcp->held, SizeIs(1));
  tcp->answer();
  EXPECT_EQ(query.replies, 1);
}

TEST_P(DatagramChannelMendedTest, FailsAsTcpFails) {
  static_cast<void>(submit(query));
  udp->fail(GetParam());
  tcp->fail(Error::connect_timeout);
  EXPECT_EQ(query.errors, std::vector{Error::connect_timeout});
}

TEST_P(DatagramChannelMendedTest, SaysWhatWasWrongWithTheDatagramsWhereTcpTakesNothing) {
  static_cast<void>(submit(query));
  tcp->refusal = Error::stopped;
  udp->fail(GetParam());
  EXPECT_EQ(query.errors, std::vector{GetParam()});
}

INSTANTIATE_TEST_SUITE_P(All, DatagramChannelMendedTest,
                         ::testing::Values(Error::mismatched_reply, Error::query_too_large),
                         [](const auto& tested) { return std::string(traits(tested.param).reason); });

TEST_F(DatagramChannelTest, AQueryThatIsTooLongForADatagramGoesOverTcpAlone) {
  query.opaque = true;
  query.message.resize(DatagramChannel::max_datagram + 1);
  static_cast<void>(submit(query));
  EXPECT_EQ(udp->submitted, 0);
  ASSERT_THAT(tcp->held, SizeIs(1));
  time.pass(5s);
  EXPECT_EQ(tcp->submitted, 1) << "TCP sends again by itself";
  tcp->fail(Error::connect_refused);
  EXPECT_EQ(query.errors, std::vector{Error::connect_refused});
  EXPECT_EQ(udp->submitted, 0);
}

TEST_F(DatagramChannelTest, TheLongestQueryThatADatagramTakesIsOneWithOurEdns) {
  TestQuery longest;
  longest.message.resize(DatagramChannel::max_datagram - 15);
  static_cast<void>(submit(longest));
  EXPECT_EQ(udp->submitted, 1);
  udp->answer();
  TestQuery longer;
  longer.message.resize(DatagramChannel::max_datagram - 14);
  static_cast<void>(submit(longer));
  EXPECT_EQ(tcp->submitted, 1);
  tcp->answer();
}

// Sent again.

TEST_F(DatagramChannelTest, IsSentAgainAfterASecondAndTheFirstAnswerIsStillTaken) {
  static_cast<void>(submit(query));
  time.pass(999ms);
  EXPECT_THAT(udp->held, SizeIs(1));
  time.pass(1ms);
  ASSERT_THAT(udp->held, SizeIs(2));
  EXPECT_NE(udp->held[0], udp->held[1]) << "each has an id of its own";
  EXPECT_EQ(udp->held[1]->message, query.message);
  udp->answer(0);
  EXPECT_EQ(query.replies, 1);
  EXPECT_EQ(udp->abandoned, 1) << "the other one";
}

TEST_F(DatagramChannelTest, TheSecondAnswerIsTakenAsWell) {
  static_cast<void>(submit(query));
  time.pass(1s);
  udp->answer(1);
  EXPECT_EQ(query.replies, 1);
  EXPECT_THAT(udp->held, IsEmpty());
}

TEST_F(DatagramChannelTest, OfThreeSendingsTheFirstAndTheNewestAreWaitedFor) {
  static_cast<void>(submit(query));
  auto* const first = udp->held[0];
  time.pass(1s);
  auto* const second = udp->held[1];
  time.pass(1s);
  EXPECT_EQ(udp->submitted, 3);
  EXPECT_THAT(udp->held, ElementsAre(first, second)) << "the second has been sent anew";
  time.pass(1s);
  EXPECT_EQ(udp->submitted, 4);
  EXPECT_THAT(udp->held, ElementsAre(first, second));
  udp->answer(0);
  EXPECT_EQ(query.replies, 1);
}

TEST_F(DatagramChannelTest, OneSendingThatFailsLeavesTheOther) {
  static_cast<void>(submit(query));
  time.pass(1s);
  udp->fail(Error::stalled, 0);
  EXPECT_TRUE(query.is_open());
  udp->fail(Error::stalled, 0);
  EXPECT_EQ(query.errors, std::vector{Error::stalled});
}

TEST_F(DatagramChannelTest, WhereTheServerIsBackedOffFromTheFirstSendingIsStillWaitedFor) {
  static_cast<void>(submit(query));
  udp->refusal = Error::connect_refused;
  time.pass(3s);
  EXPECT_TRUE(query.is_open());
  EXPECT_THAT(udp->held, SizeIs(1));
  udp->answer();
  EXPECT_EQ(query.replies, 1);
}

TEST_F(DatagramChannelTest, ATruncatedAnswerToOneSendingEndsBoth) {
  static_cast<void>(submit(query));
  time.pass(1s);
  udp->truncate(1);
  EXPECT_THAT(udp->held, IsEmpty());
  EXPECT_EQ(udp->abandoned, 1);
  ASSERT_THAT(tcp->held, SizeIs(1));
  tcp->answer();
  EXPECT_EQ(query.replies, 1);
}

TEST_F(DatagramChannelTest, NearMissesOfOneSendingEndBoth) {
  static_cast<void>(submit(query));
  time.pass(1s);
  udp->fail(Error::mismatched_reply, 0);
  EXPECT_THAT(udp->held, IsEmpty());
  tcp->answer();
  EXPECT_EQ(query.replies, 1);
}

// Given up by the owner of the query.

TEST_F(DatagramChannelTest, AbandonedBeforeTheAnswerItIsAbandonedBelow) {
  static_cast<void>(submit(query));
  query.holder->abandon(query);
  EXPECT_EQ(udp->abandoned, 1);
}

TEST_F(DatagramChannelTest, AbandonedWithTwoSendingsBothAre) {
  static_cast<void>(submit(query));
  time.pass(1s);
  query.holder->abandon(query);
  EXPECT_EQ(udp->abandoned, 2);
}

TEST_F(DatagramChannelTest, AbandonedWithOneSendingThatHasFailedTheOtherIs) {
  static_cast<void>(submit(query));
  time.pass(1s);
  udp->fail(Error::stalled, 0);
  query.holder->abandon(query);
  EXPECT_EQ(udp->abandoned, 1);
}

TEST_F(DatagramChannelTest, AbandonedWhileItIsAskedForOverTcpItIsAbandonedThere) {
  static_cast<void>(submit(query));
  udp->truncate();
  query.holder->abandon(query);
  EXPECT_EQ(tcp->abandoned, 1);
  EXPECT_EQ(udp->abandoned, 0);
  EXPECT_TRUE(query.is_open()) << "nothing is said to it any more";
}

TEST_F(DatagramChannelTest, RefusesWhatIsTooMuch) {
  std::deque<TestQuery> many(DatagramChannel::max_queries);
  for (auto& each : many) ASSERT_EQ(submit(each), std::nullopt);
  EXPECT_EQ(submit(query), Error::overloaded);
  many[0].holder->abandon(many[0]);
  EXPECT_EQ(submit(query), std::nullopt) << "there is room again";
  while (!udp->held.empty()) udp->take(udp->held.size() - 1).failed(Error::stalled);
}

}  // namespace
}  // namespace pillion::upstream
