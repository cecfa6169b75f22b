// Faults of servers and networks on connections, by which no query is lost.

#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;
using test::Counters;
using test::QueryFault;
using testing::ask;
using testing::eventually;
using testing::receive_many;
using testing::send_many;
using testing::ShardRunner;
using testing::TlsSetup;
using upstream::Error;

/// Every id from 0 to `count` - 1, each once.
void expect_all(std::vector<std::uint16_t> ids, std::size_t count) {
  std::ranges::sort(ids);
  std::vector<std::uint16_t> expected(count);
  std::iota(expected.begin(), expected.end(), std::uint16_t{0});
  EXPECT_EQ(ids, expected);
}

class UpstreamFaults : public ::testing::Test {
 protected:
  void edit(const std::function<void(test::ConnectionManners&)>& change) {
    setup.server.change([&](test::ServerSettings& settings) { change(settings.connections); });
  }
  /// Sends `count` queries and expects a good answer to each.
  static void expect_answers(const ShardRunner& shard, std::size_t count) {
    auto client = shard.connect();
    send_many(client, count);
    expect_all(receive_many(client, count), count);
  }
  TlsSetup setup;
};

TEST_F(UpstreamFaults, AServerThatClosesAfterEachAnswerLosesNothing) {
  edit([](auto& manners) { manners.close_after_answers = 1; });
  const ShardRunner shard(setup.config);
  expect_answers(shard, 100);
  EXPECT_EQ(shard.all_failures(), 0U);
  EXPECT_EQ(shard.upstream().up.value(), 1);
}

TEST_F(UpstreamFaults, AServerThatClosesAfterAFewAnswersLosesNothing) {
  edit([](auto& manners) { manners.close_after_answers = 7; });
  const ShardRunner shard(setup.config);
  expect_answers(shard, 100);
  EXPECT_EQ(shard.all_failures(), 0U);
}

TEST_F(UpstreamFaults, AServerThatClosesInTheMiddleLosesNothing) {
  setup.server.on_query({.name = "q40.example", .times = 1, .close = QueryFault::Close::before_answer});
  const ShardRunner shard(setup.config);
  expect_answers(shard, 100);
  EXPECT_EQ(shard.all_failures(), 0U);
}

TEST_F(UpstreamFaults, AResetInTheMiddleLosesNothing) {
  setup.server.on_query({.name = "q40.example", .times = 1, .close = QueryFault::Close::reset});
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "warm.example").answers, 1);
  expect_answers(shard, 100);
}

TEST_F(UpstreamFaults, AResetBeforeTheFirstAnswerLosesNothing) {
  setup.server.on_query({.name = "q0.example", .times = 1, .close = QueryFault::Close::reset});
  const ShardRunner shard(setup.config);
  expect_answers(shard, 100);
}

TEST_F(UpstreamFaults, OneQueryThatMakesTheServerCloseHarmsNoOther) {
  setup.server.on_query({.name = "q40.example", .close = QueryFault::Close::before_answer});
  const ShardRunner shard(setup.config);
  auto client = shard.connect();
  send_many(client, 100);
  const auto ids = receive_many(client, 100);
  EXPECT_EQ(ids.size(), 99U);
  EXPECT_EQ(std::ranges::count(ids, 40), 0);
}

TEST_F(UpstreamFaults, IdleClosesAreNoFailures) {
  edit([](auto& manners) { manners.idle_timeout = 30ms; });
  const ShardRunner shard(setup.config);
  for (std::size_t i = 1; i <= 5; ++i) {
    EXPECT_EQ(ask(shard, "www.example").answers, 1);
    EXPECT_TRUE(eventually([&] { return shard.upstream().idle_closes.value() >= i; }));
  }
  EXPECT_EQ(shard.all_failures(), 0U);
}

TEST_F(UpstreamFaults, AWithheldCloseNotifyIsNoFailure) {
  edit([](auto& manners) {
    manners.send_close_notify = false;
    manners.close_after_answers = 3;
  });
  const ShardRunner shard(setup.config);
  expect_answers(shard, 50);
  EXPECT_EQ(shard.all_failures(), 0U);
}

TEST_F(UpstreamFaults, AnswersMayComeInAnyOrderAndInAnyPieces) {
  edit([](auto& manners) {
    manners.reverse = true;
    manners.record_size = 100;
    manners.segment_size = 33;
  });
  const ShardRunner shard(setup.config);
  expect_answers(shard, 100);
  EXPECT_EQ(setup.server.counters().connections, 1U);
  EXPECT_EQ(shard.all_failures(), 0U);
}

TEST_F(UpstreamFaults, RecordsThatWereTakenTogetherAreAllRead) {
  edit([](auto& manners) { manners.record_per_message = true; });
  setup.server.on_query({.name = "q*", .hold = true});
  const ShardRunner shard(setup.config);
  auto client = shard.connect();
  send_many(client, 200);
  ASSERT_TRUE(setup.server.wait_for([](const Counters& seen) { return seen.held == 200; }));
  const auto asked = setup.server.queries().size();
  setup.server.release();
  expect_all(receive_many(client, 200), 200);
  // The socket does not report records that are in OpenSSL's buffer. The probe of the silence would bring them.
  EXPECT_EQ(setup.server.queries().size(), asked);
}

TEST_F(UpstreamFaults, AnswersLargerThanARecord) {
  const ShardRunner shard(setup.config);
  auto client = shard.connect();
  for (const auto* const name : {"txt20000.example", "txt60000.example"}) {
    client.send_message(test::make_query(name, dns::type::txt));
    const auto answer = client.receive();
    ASSERT_TRUE(answer);
    EXPECT_GE(answer->size(), 20'000U);
    EXPECT_EQ(test::answers_of(*answer), 1);
  }
}

/// Replies that match no question fail the query that they were meant for, and no other.
class MismatchedReply : public UpstreamFaults, public ::testing::WithParamInterface<QueryFault::Reply> {};

TEST_P(MismatchedReply, FailsItsQueryAloneAndIsCounted) {
  setup.server.on_query({.name = "spoilt.example", .times = 1, .reply = GetParam()});
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "spoilt.example").answers, 1) << "the second try";
  EXPECT_EQ(shard.failures(Error::mismatched_reply), 1U);
  EXPECT_EQ(setup.server.counters().connections, 1U);
}

TEST_P(MismatchedReply, EndsAsServfailWhereItGoesOn) {
  setup.server.on_query({.name = "spoilt.example", .reply = GetParam()});
  setup.config.upstreams[0].timeout = 500ms;
  const ShardRunner shard(setup.config);
  const auto seen = ask(shard, "spoilt.example");
  EXPECT_EQ(seen.rcode, dns::rcode::servfail);
  EXPECT_EQ(seen.extended_error,
            "reply does not match any question at 127.0.0.1:" + std::to_string(setup.server.tls_port()));
}

INSTANTIATE_TEST_SUITE_P(All, MismatchedReply,
                         ::testing::Values(QueryFault::Reply::wrong_id, QueryFault::Reply::wrong_question,
                                           QueryFault::Reply::wrong_type, QueryFault::Reply::query,
                                           QueryFault::Reply::garbage));

/// Replies with the id and the question of their query that are not sound.
class MalformedReply : public UpstreamFaults, public ::testing::WithParamInterface<QueryFault::Reply> {};

TEST_P(MalformedReply, KeepsTheConnection) {
  setup.server.on_query({.name = "spoilt.example", .times = 1, .reply = GetParam()});
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "spoilt.example").answers, 1);
  EXPECT_EQ(shard.failures(Error::malformed_reply), 1U);
  EXPECT_EQ(setup.server.counters().connections, 1U);
}

INSTANTIATE_TEST_SUITE_P(All, MalformedReply,
                         ::testing::Values(QueryFault::Reply::cut_short, QueryFault::Reply::trailing_bytes,
                                           QueryFault::Reply::two_opts));

TEST_F(UpstreamFaults, AnEmptyMessageEndsTheConnectionAndLosesNoQuery) {
  setup.server.on_query({.name = "spoilt.example", .times = 1, .reply = QueryFault::Reply::empty});
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "spoilt.example").answers, 1);
  EXPECT_EQ(shard.failures(Error::malformed_reply), 1U);
  EXPECT_EQ(setup.server.counters().connections, 2U);
}

TEST_F(UpstreamFaults, ATwiceGivenAnswerIsAMismatch) {
  setup.server.on_query({.name = "twice.example", .times = 1, .twice = true});
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "twice.example").answers, 1);
  EXPECT_TRUE(eventually([&] { return shard.failures(Error::mismatched_reply) == 1; }));
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
}

TEST_F(UpstreamFaults, OneDroppedAnswerDoesNotEndTheConnection) {
  setup.server.on_query({.name = "dropped.example", .drop = true});
  setup.config.upstreams[0].timeout = 1s;
  const ShardRunner shard(setup.config);
  auto client = shard.connect();
  client.send_message(test::make_query("dropped.example", dns::type::a, {.id = 9999, .edns = true}));
  ASSERT_TRUE(setup.server.wait_for([](const Counters& seen) { return seen.queries >= 1; }));
  // The other queries are answered until the time of the dropped one is over.
  std::optional<dns::Buffer> given_up;
  std::size_t answered = 0;
  while (!given_up) {
    client.send_message(test::make_query("other.example", dns::type::a, {.id = 1}));
    const auto answer = client.receive();
    ASSERT_TRUE(answer);
    if (test::id_of(*answer) == 9999) {
      given_up = answer;
    } else {
      EXPECT_EQ(test::answers_of(*answer), 1);
      ++answered;
    }
  }
  EXPECT_GT(answered, 10U);
  EXPECT_EQ(testing::read_answer(*given_up).rcode, dns::rcode::servfail);
  EXPECT_EQ(testing::read_answer(*given_up).extended_error,
            "no answer in time at 127.0.0.1:" + std::to_string(setup.server.tls_port()));
  EXPECT_EQ(setup.server.counters().connections, 1U);
  EXPECT_EQ(shard.failures(Error::stalled), 0U);
}

TEST_F(UpstreamFaults, AStallGivesTheConnectionUp) {
  edit([](auto& manners) { manners.stall_after_queries = 2; });
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "a.example").answers, 1);
  auto client = shard.connect();
  client.send_message(test::make_query("b.example", dns::type::a));
  ASSERT_TRUE(client.receive());
  client.send_message(test::make_query("c.example", dns::type::a));
  EXPECT_TRUE(client.receive()) << "by another connection, within the budget";
  EXPECT_EQ(shard.failures(Error::stalled), 1U);
}

TEST_F(UpstreamFaults, ASlowAnswerHoldsUpNoOther) {
  setup.server.on_query({.name = "q0.example", .delay = 1s});
  const ShardRunner shard(setup.config);
  auto client = shard.connect();
  send_many(client, 100);
  const auto ids = receive_many(client, 100);
  expect_all(ids, 100);
  EXPECT_EQ(ids.back(), 0) << "the slow one, after all the others";
  EXPECT_EQ(setup.server.counters().connections, 1U);
}

TEST_F(UpstreamFaults, ARestartInTheMiddleOfALoadLosesNothing) {
  setup.server.on_query({.name = "q*", .hold = true});
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "warm.example").answers, 1);
  auto client = shard.connect();
  send_many(client, 100);
  ASSERT_TRUE(setup.server.wait_for([](const Counters& seen) { return seen.held == 100; }));
  setup.server.stop_listening();
  setup.server.close_connections(test::DotServer::Ending::reset);
  setup.server.clear_faults();
  ASSERT_TRUE(eventually([&] { return shard.failures(Error::connect_refused) >= 1; }));
  setup.server.listen_again();
  expect_all(receive_many(client, 100), 100);
}

TEST_F(UpstreamFaults, WhereNobodyListensTheBudgetEndsInServfail) {
  setup.server.stop_listening();
  setup.config.upstreams[0].timeout = 300ms;
  const ShardRunner shard(setup.config);
  const auto seen = ask(shard, "www.example");
  EXPECT_EQ(seen.rcode, dns::rcode::servfail);
  EXPECT_EQ(seen.extended_error, "connection refused at 127.0.0.1:" + std::to_string(setup.server.tls_port()));
  setup.server.listen_again();
  EXPECT_TRUE(eventually([&] { return ask(shard, "www.example").answers == 1; })) << "found again";
}

TEST_F(UpstreamFaults, AServerThatNeverFinishesItsHandshakeIsTimedOut) {
  edit([](auto& manners) { manners.finish_handshake = false; });
  const ShardRunner shard(setup.config);
  const auto seen = ask(shard, "www.example");
  EXPECT_EQ(seen.rcode, dns::rcode::servfail);
  EXPECT_EQ(seen.extended_error, "TLS handshake timed out at 127.0.0.1:" + std::to_string(setup.server.tls_port()));
  EXPECT_GE(shard.failures(Error::handshake_timeout), 1U);
}

TEST_F(UpstreamFaults, AnswersOfEveryCodePass) {
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "nx.example").rcode, dns::rcode::nxdomain);
  EXPECT_EQ(ask(shard, "servfail.example").rcode, dns::rcode::servfail);
  EXPECT_EQ(ask(shard, "refused.example").rcode, dns::rcode::refused);
  EXPECT_EQ(ask(shard, "formerr.example").rcode, dns::rcode::formerr);
  EXPECT_EQ(ask(shard, "nodata.example").answers, 0);
  setup.server.on_query(
      {.name = "bare.example", .reply = QueryFault::Reply::no_question, .rcode = dns::rcode::formerr});
  EXPECT_EQ(ask(shard, "bare.example").rcode, dns::rcode::formerr);
  EXPECT_EQ(setup.server.counters().connections, 1U);
}

/// Two servers, of which the first is asked first.
class TwoServers : public UpstreamFaults {
 protected:
  TwoServers() {
    setup.config.upstreams[0].servers.push_back(
        {.endpoint = {"127.0.0.1", second.tls_port()}, .tls_name = "dot.example", .pins = {}});
    setup.config.upstreams[0].timeout = 2s;
  }
  test::DotServer second{setup.server_options()};
};

TEST_F(TwoServers, TheSecondAnswersWhereTheFirstRefuses) {
  setup.server.stop_listening();
  const ShardRunner shard(setup.config);
  expect_answers(shard, 100);
  EXPECT_EQ(shard.all_failures(1), 0U);
}

TEST_F(TwoServers, TheSecondAnswersWhereTheFirstHasABadCertificate) {
  setup.server.change([](test::ServerSettings& settings) { settings.identity = test::self_signed(); });
  const ShardRunner shard(setup.config);
  expect_answers(shard, 100);
  EXPECT_EQ(setup.server.counters().queries, 0U);
  EXPECT_GE(shard.failures(Error::certificate_untrusted), 1U);
}

TEST_F(TwoServers, TheSecondAnswersWhereTheFirstStalls) {
  edit([](auto& manners) { manners.finish_handshake = false; });
  const ShardRunner shard(setup.config);
  expect_answers(shard, 10);
}

TEST_F(TwoServers, TheSecondAnswersWhereTheFirstDropsTheQuery) {
  setup.server.on_query({.drop = true});
  const ShardRunner shard(setup.config);
  expect_answers(shard, 10);
  EXPECT_EQ(second.counters().queries, 10U);
}

TEST_F(TwoServers, TheSecondAnswersWhereTheFirstResetsEveryConnection) {
  setup.server.on_query({.close = QueryFault::Close::reset});
  const ShardRunner shard(setup.config);
  expect_answers(shard, 100);
}

TEST_F(TwoServers, TheSecondAnswersWhereTheFirstClosesEveryConnection) {
  setup.server.on_query({.close = QueryFault::Close::before_answer});
  const ShardRunner shard(setup.config);
  expect_answers(shard, 100);
}

TEST_F(TwoServers, ServfailNamesOneWhereBothFail) {
  setup.server.stop_listening();
  second.stop_listening();
  setup.config.upstreams[0].timeout = 300ms;
  const ShardRunner shard(setup.config);
  const auto seen = ask(shard, "www.example");
  EXPECT_EQ(seen.rcode, dns::rcode::servfail);
  EXPECT_EQ(seen.extended_error.find("connection refused at 127.0.0.1:"), 0U) << seen.extended_error;
}

TEST_F(TwoServers, TheFirstIsAskedAgainWhenItIsBack) {
  setup.server.stop_listening();
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
  setup.server.listen_again();
  EXPECT_TRUE(eventually([&] { return shard.upstream(0).up.value() == 1; })) << "without a query to try it";
  const auto before = setup.server.counters().queries;
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
  EXPECT_EQ(setup.server.counters().queries, before + 1);
}

}  // namespace
}  // namespace pillion::app
