#include "resolve/exchange.hpp"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/response.hpp"
#include "resolve/fakes.hpp"

namespace pillion::resolve {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using upstream::Error;

constexpr std::size_t a = 0, b = 1, c = 2;

/// Servers that are asked in their order, as the policy `sequential` would.
class FakeServers final : public Servers, public upstream::Carrier {
 public:
  explicit FakeServers(std::size_t count) : troubles(count) {}

  std::optional<std::size_t> choose(upstream::ServerSet tried, bool only_usable) override {
    std::optional<std::size_t> down;
    for (std::size_t i = 0; i < troubles.size(); ++i) {
      if ((tried >> i & 1U) != 0) continue;
      if (!troubles[i]) return i;
      if (!down) down = i;
    }
    return only_usable ? std::nullopt : down;
  }
  std::optional<Error> submit(Attempt& attempt, runtime::Time /*now*/) override {
    asked.push_back(attempt.server());
    if (refuses_at_once && troubles[attempt.server()]) return troubles[attempt.server()];
    attempt.carrier = this;
    (attempt.is_over_tcp() ? over_tcp : under_way).push_back(&attempt);
    return std::nullopt;
  }
  std::optional<Error> trouble_of(std::size_t server) const override { return troubles[server]; }
  std::string_view name_of(std::size_t server) const override { return names[server]; }
  void ended(Exchange& /*exchange*/) override { ++ends; }
  void abandon(upstream::Query& query) override {
    abandoned.push_back(static_cast<Attempt&>(query).server());
    std::erase(under_way, &query);
    std::erase(over_tcp, &query);
  }

  /// The oldest attempt under way at the server.
  Attempt& take(std::size_t server) {
    const auto found = std::ranges::find(under_way, server, &Attempt::server);
    auto& attempt = **found;
    under_way.erase(found);
    return attempt;
  }
  void fail(std::size_t server, Error error = Error::reset) { take(server).failed(error); }
  void answer(std::size_t server, std::uint16_t rcode = dns::rcode::noerror, std::uint16_t flags = 0) {
    reply(take(server), rcode, flags);
  }
  static void reply(Attempt& attempt, std::uint16_t rcode = dns::rcode::noerror, std::uint16_t flags = 0) {
    auto message = attempt.message;
    dns::write_u16(message, 2,
                   static_cast<std::uint16_t>(dns::flag::qr | dns::flag::rd | dns::flag::ra | flags | rcode));
    attempt.replied({.message = dns::MessageView::parse(message).value(), .rcode = rcode});
  }

  std::vector<std::optional<Error>> troubles;  ///< a server that is backed off from, and why
  bool refuses_at_once = true;                 ///< whether such a server refuses, or lets the attempt wait
  std::vector<std::size_t> asked;
  std::vector<std::size_t> abandoned;
  std::vector<Attempt*> under_way;
  std::vector<Attempt*> over_tcp;
  int ends = 0;

 private:
  std::vector<std::string> names{"a", "b", "c"};
};

class ExchangeTest : public ::testing::Test {
 protected:
  /// Asks `count` servers with a budget of 4 s; another one is asked after a second.
  void ask(std::size_t count, bool over_datagrams = false) {
    prepare(count, over_datagrams);
    start();
  }
  void prepare(std::size_t count, bool over_datagrams = false) {
    servers.emplace(count);
    terms.emplace(ExchangeTerms{.schedule = time,
                                .servers = *servers,
                                .source = Source::upstream,
                                .budget = 4s,
                                .next_after = 1s,
                                .over_datagrams = over_datagrams});
  }
  void start() {
    dns::Buffer query;
    dns::append_query(query, 0x1234, dns::flag::rd, dns::parse_name("www.example").value(), dns::type::a,
                      dns::klass::in);
    exchange.start(*terms, dns::parse_query(query, {}).value(), asker);
  }
  /// Nothing is left behind.
  void TearDown() override {
    if (!servers) return;
    EXPECT_EQ(asker.answers, 1);
    EXPECT_EQ(servers->ends, 1);
    EXPECT_THAT(servers->under_way, IsEmpty());
    EXPECT_THAT(servers->over_tcp, IsEmpty());
    EXPECT_EQ(time.deadline_count(), 0U);
  }

  testing::HandTurned time;
  std::optional<FakeServers> servers;
  std::optional<ExchangeTerms> terms;
  testing::Asker asker;
  Exchange exchange;
};

TEST_F(ExchangeTest, TheFirstServersAnswerIsTheAnswer) {
  ask(2);
  servers->answer(a, dns::rcode::nxdomain);
  EXPECT_EQ(asker.rcode, dns::rcode::nxdomain);
  EXPECT_THAT(servers->asked, ElementsAre(a));
}

TEST_F(ExchangeTest, ASlowServerIsStillListenedToWhenTheNextIsAsked) {
  ask(2);
  time.advance(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, b));
  time.advance(1500ms);
  servers->answer(a);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
  EXPECT_THAT(servers->abandoned, ElementsAre(b));
}

TEST_F(ExchangeTest, TheNextServersAnswerCountsAsMuch) {
  ask(2);
  time.advance(1s);
  servers->answer(b);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
  EXPECT_THAT(servers->abandoned, ElementsAre(a));
}

TEST_F(ExchangeTest, ASlowServerIsWaitedForWhereTheNextIsDown) {
  prepare(2);
  servers->troubles[b] = Error::connect_refused;
  start();
  time.advance(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, b));
  EXPECT_EQ(asker.answers, 0);
  time.advance(2500ms);
  servers->answer(a);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

TEST_F(ExchangeTest, ASlowServerIsWaitedForWhereTheNextFailsWhileItIsAsked) {
  ask(2);
  time.advance(1s);
  servers->fail(b);
  EXPECT_EQ(asker.answers, 0);
  servers->answer(a);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

TEST_F(ExchangeTest, UpToThreeServersAreListenedTo) {
  ask(3);
  time.advance(1s);
  time.advance(1s);
  time.advance(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, b, c));
  servers->answer(b);
  EXPECT_THAT(servers->abandoned, ElementsAre(a, c));
}

TEST_F(ExchangeTest, AServerWhoseConnectionWasLostIsAskedAgainWhileAnotherIsSlow) {
  ask(2);
  time.advance(1s);
  servers->fail(a, Error::stalled);
  EXPECT_THAT(servers->asked, ElementsAre(a, b)) << "the other one has it";
  time.advance(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, b, a));
  servers->answer(a);
  EXPECT_THAT(servers->abandoned, ElementsAre(b));
}

TEST_F(ExchangeTest, AFailureIsFollowedByTheNextServerAtOnce) {
  ask(3);
  servers->fail(a);
  servers->fail(b, Error::certificate_expired);
  EXPECT_THAT(servers->asked, ElementsAre(a, b, c));
  servers->answer(c);
}

TEST_F(ExchangeTest, AServerThatMayOnlyBeRestartingIsAskedAgain) {
  ask(1);
  servers->fail(a);
  EXPECT_THAT(servers->asked, ElementsAre(a, a));
  servers->answer(a);
}

TEST_F(ExchangeTest, AQueryThatEndsTwoConnectionsIsGivenUp) {
  ask(2);
  servers->under_way.front()->fruitless_sends = 1;
  servers->fail(a, Error::closed);
  EXPECT_EQ(servers->under_way.front()->fruitless_sends, 1U) << "counted over all servers";
  servers->under_way.front()->fruitless_sends = 2;
  servers->fail(b, Error::closed);
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.text, "connection closed before the answer at b");
}

TEST_F(ExchangeTest, ARefusalIsFollowedByTheNextServerAtOnce) {
  for (const auto rcode : {dns::rcode::formerr, dns::rcode::servfail, dns::rcode::notimp, dns::rcode::refused}) {
    testing::Asker one;
    prepare(2);
    dns::Buffer query;
    dns::append_query(query, 1, dns::flag::rd, dns::parse_name("www.example").value(), dns::type::a, dns::klass::in);
    exchange.start(*terms, dns::parse_query(query, {}).value(), one);
    servers->answer(a, rcode);
    EXPECT_EQ(one.answers, 0) << rcode;
    EXPECT_THAT(servers->asked, ElementsAre(a, b));
    servers->answer(b);
    EXPECT_EQ(one.rcode, dns::rcode::noerror);
  }
  servers.reset();
}

TEST_F(ExchangeTest, WhatTheFirstServerSaidIsTheAnswerWhereNobodySaysBetter) {
  ask(2);
  servers->answer(a, dns::rcode::servfail);
  servers->answer(b, dns::rcode::refused);
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.text, "") << "it is the server's";
}

TEST_F(ExchangeTest, ARefusalWaitsForNoServerThatIsDown) {
  prepare(2);
  servers->troubles[b] = Error::connect_timeout;
  start();
  servers->answer(a, dns::rcode::servfail);
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_THAT(servers->asked, ElementsAre(a));
}

TEST_F(ExchangeTest, ARefusalOfTheOnlyServerIsTheAnswer) {
  ask(1);
  servers->answer(a, dns::rcode::refused);
  EXPECT_EQ(asker.rcode, dns::rcode::refused);
}

TEST_F(ExchangeTest, ARefusalIsTheAnswerWhereTheOthersFail) {
  ask(2);
  servers->answer(a, dns::rcode::servfail);
  servers->fail(b);
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.text, "");
}

TEST_F(ExchangeTest, ARefusalIsTheAnswerWhereTheOthersTakeTooLong) {
  ask(2);
  servers->answer(a, dns::rcode::refused);
  for (int i = 0; i < 4; ++i) time.advance(1s);
  EXPECT_EQ(asker.rcode, dns::rcode::refused);
}

TEST_F(ExchangeTest, ARefusalWithoutAQuestionIsKeptAsWell) {
  ask(2);
  servers->take(a).replied({.message = {}, .rcode = dns::rcode::formerr});
  servers->fail(b);
  EXPECT_EQ(asker.rcode, dns::rcode::formerr);
  EXPECT_EQ(asker.records, 0);
}

TEST_F(ExchangeTest, TheBudgetEndsAllAttempts) {
  ask(2);
  time.advance(1s);
  time.advance(3s);
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.text, "no answer in time at b");
  EXPECT_THAT(servers->abandoned, ElementsAre(a, b));
}

TEST_F(ExchangeTest, AnAttemptThatNeverLeftSaysWhyItCouldNot) {
  prepare(1);
  servers->troubles[a] = Error::connect_refused;
  servers->refuses_at_once = false;
  start();
  time.advance(4s);
  EXPECT_EQ(asker.text, "connection refused at a");
}

TEST_F(ExchangeTest, AnAttemptThatWasSentAgainSaysWhyItHadToBe) {
  ask(1);
  time.advance(3900ms);
  servers->fail(a, Error::connect_refused);
  EXPECT_THAT(servers->asked, ElementsAre(a, a));
  time.advance(100ms);
  EXPECT_EQ(asker.text, "connection refused at a");
}

TEST_F(ExchangeTest, WhereEveryServerRefusesAtOnceTheReasonIsTold) {
  prepare(2);
  servers->troubles = {Error::certificate_name, Error::certificate_expired};
  start();
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.text, "certificate expired or not yet valid at b");
}

TEST_F(ExchangeTest, ADatagramIsSentAgainAndTheFirstMayStillBeAnswered) {
  ask(1, true);
  time.advance(1s);
  time.advance(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, a, a));
  servers->answer(a);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
  EXPECT_THAT(servers->abandoned, ElementsAre(a, a));
}

TEST_F(ExchangeTest, TheOldestOfThreeDatagramsMakesRoomForAFourth) {
  ask(1, true);
  for (int i = 0; i < 3; ++i) time.advance(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, a, a, a));
  EXPECT_EQ(servers->under_way.size(), 3U);
  servers->answer(a);
}

TEST_F(ExchangeTest, ATruncatedDatagramIsAskedForOverTcp) {
  ask(1, true);
  servers->answer(a, dns::rcode::noerror, dns::flag::tc);
  EXPECT_EQ(asker.answers, 0);
  ASSERT_EQ(servers->over_tcp.size(), 1U);
  auto& attempt = *servers->over_tcp.front();
  servers->over_tcp.clear();
  FakeServers::reply(attempt, dns::rcode::noerror, dns::flag::tc);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror) << "over TCP the bit says nothing about us";
}

TEST_F(ExchangeTest, WhatIsAskedForOverTcpIsNotSentAgainOverUdp) {
  ask(1, true);
  servers->answer(a, dns::rcode::noerror, dns::flag::tc);
  for (int i = 0; i < 3; ++i) time.advance(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, a));
  auto& attempt = *servers->over_tcp.front();
  servers->over_tcp.clear();
  FakeServers::reply(attempt);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

TEST_F(ExchangeTest, AnotherServerIsAskedWhereTcpTakesLong) {
  ask(2, true);
  servers->answer(a, dns::rcode::noerror, dns::flag::tc);
  time.advance(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, a, b));
  servers->answer(b);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

}  // namespace
}  // namespace pillion::resolve
