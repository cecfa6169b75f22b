#include "resolve/exchange.hpp"

#include <array>
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

/// Servers that are asked in order, like by the policy `sequential`.
class FakeServers final : public Servers, public upstream::QueryHolder {
 public:
  explicit FakeServers(std::size_t count) : troubles(count) {}

  std::optional<std::size_t> choose(upstream::ServerSet tried, bool only_responsive) override {
    std::optional<std::size_t> down;
    for (std::size_t i = 0; i < troubles.size(); ++i) {
      if ((tried >> i & 1U) != 0) continue;
      if (!troubles[i]) return i;
      if (!down) down = i;
    }
    return only_responsive ? std::nullopt : down;
  }
  std::optional<Error> submit(Attempt& attempt, runtime::Time /*now*/) override {
    asked.push_back(attempt.server());
    if (refuses_next) return std::exchange(refuses_next, std::nullopt);
    if (refuses_at_once && troubles[attempt.server()]) return troubles[attempt.server()];
    attempt.holder = this;
    under_way.push_back(&attempt);
    return std::nullopt;
  }
  std::optional<Error> trouble_of(std::size_t server) const override { return troubles[server]; }
  std::optional<runtime::Duration> slow_after(std::size_t server) const override { return slow_afters[server]; }
  bool take_hedge(std::size_t /*server*/) override { return hedges_left > 0 && hedges_left-- > 0; }
  void give_hedge_back() override { ++hedges_left; }
  void hedged(std::size_t server, bool has_won) override { (has_won ? won : lost).push_back(server); }
  void timed_out(std::size_t server) override { timeouts.push_back(server); }
  std::string_view name_of(std::size_t server) const override { return names[server]; }
  upstream::trace::ServerChosen explain(std::size_t server, upstream::ServerSet /*tried*/) const override {
    return {.server = std::string(names[server]), .considered = {}};
  }
  void ended(Exchange& /*exchange*/) override { ++ends; }
  void abandon(upstream::Query& query) override {
    abandoned.push_back(static_cast<Attempt&>(query).server());
    std::erase(under_way, &query);
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

  std::vector<std::optional<Error>> troubles;  ///< the reason for which a server is in back-off; nullopt if it is not
  std::optional<Error> refuses_next;           ///< the error with which the next attempt is refused
  bool refuses_at_once = true;  ///< True if a server in back-off refuses an attempt; false if the attempt waits
  std::array<std::optional<runtime::Duration>, 3> slow_afters;
  int hedges_left = 1;
  std::vector<std::size_t> won;  ///< the servers of hedges
  std::vector<std::size_t> lost;
  std::vector<std::size_t> timeouts;
  std::vector<std::size_t> asked;
  std::vector<std::size_t> abandoned;
  std::vector<Attempt*> under_way;
  int ends = 0;

 private:
  std::vector<std::string> names{"a", "b", "c"};
};

class ExchangeTest : public ::testing::Test {
 protected:
  /// Asks `count` servers with a budget of 4 s. The next server is asked after a second.
  void ask(std::size_t count) {
    prepare(count);
    start();
  }
  /// After 100 ms the first server is slower than usual.
  void ask_with_hedge(std::size_t count) {
    prepare(count);
    servers->slow_afters[a] = 100ms;
    start();
  }
  void prepare(std::size_t count) {
    servers.emplace(count);
    terms.emplace(ExchangeTerms{
        .schedule = time, .servers = *servers, .source = Source::upstream, .budget = 4s, .next_after = 1s});
  }
  void start() { start(asker); }
  void start(Request& request) {
    dns::Buffer query;
    dns::append_query(query, 0x1234, dns::flag::rd, dns::parse_name("www.example").value(), dns::type::a,
                      dns::klass::in);
    exchange.start(*terms, dns::parse_query(query, {}).value(), request);
  }
  /// Checks that no attempt and no deadline is left.
  void TearDown() override {
    if (!servers) return;
    EXPECT_EQ(asker.answers, 1);
    EXPECT_EQ(servers->ends, 1);
    EXPECT_THAT(servers->under_way, IsEmpty());
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
  time.pass(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, b));
  time.pass(1500ms);
  servers->answer(a);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
  EXPECT_THAT(servers->abandoned, ElementsAre(b));
}

TEST_F(ExchangeTest, TheNextServersAnswerCountsAsMuch) {
  ask(2);
  time.pass(1s);
  servers->answer(b);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
  EXPECT_THAT(servers->abandoned, ElementsAre(a));
}

TEST_F(ExchangeTest, ASlowServerIsWaitedForWhereTheNextIsDown) {
  prepare(2);
  servers->troubles[b] = Error::connect_refused;
  start();
  time.pass(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, b));
  EXPECT_EQ(asker.answers, 0);
  time.pass(2500ms);
  servers->answer(a);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

TEST_F(ExchangeTest, ASlowServerIsWaitedForWhereTheNextFailsWhileItIsAsked) {
  ask(2);
  time.pass(1s);
  servers->fail(b);
  EXPECT_EQ(asker.answers, 0);
  servers->answer(a);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
}

TEST_F(ExchangeTest, UpToThreeServersAreListenedTo) {
  ask(3);
  time.pass(1s);
  time.pass(1s);
  time.pass(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a, b, c));
  servers->answer(b);
  EXPECT_THAT(servers->abandoned, ElementsAre(a, c));
}

TEST_F(ExchangeTest, AServerWhoseConnectionWasLostIsAskedAgainWhileAnotherIsSlow) {
  ask(2);
  time.pass(1s);
  servers->fail(a, Error::stalled);
  EXPECT_THAT(servers->asked, ElementsAre(a, b)) << "the other one has it";
  time.pass(1s);
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

TEST_F(ExchangeTest, AQueryThatEndedAConnectionAloneIsNotSentToTheSameServerAgain) {
  ask(2);
  servers->under_way.front()->suspicion = {.endings = 3, .endings_alone = 2, .alone = true};
  servers->fail(a, Error::closed);
  ASSERT_THAT(servers->asked, ElementsAre(a, b));
  const auto& suspicion = servers->under_way.front()->suspicion;
  EXPECT_EQ(suspicion.endings, 3U) << "counted over all servers";
  EXPECT_EQ(suspicion.endings_alone, 0U) << "the next server has not been seen to close";
  EXPECT_TRUE(suspicion.alone);
  servers->under_way.front()->suspicion.endings_alone = 2;
  servers->fail(b, Error::closed);
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.info_code, dns::extended_error::network_error);
  EXPECT_EQ(asker.text, "connection closed before the answer at b");
  EXPECT_TRUE(asker.may_be_cached);
}

TEST_F(ExchangeTest, AQueryWithWhichManyConnectionsEndedIsGivenUp) {
  ask(1);
  servers->under_way.front()->suspicion.endings = upstream::Query::max_endings;
  servers->fail(a, Error::closed);
  EXPECT_THAT(servers->asked, ElementsAre(a));
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
}

TEST_F(ExchangeTest, OurOwnLackOfRoomIsRefusedAndSaysNothingOfTheName) {
  prepare(1);
  servers->troubles[a] = Error::overloaded;
  start();
  EXPECT_EQ(asker.rcode, dns::rcode::refused);
  EXPECT_EQ(asker.info_code, dns::extended_error::other);
  EXPECT_EQ(asker.text, "too many queries in flight at a");
  EXPECT_FALSE(asker.may_be_cached);
}

TEST_F(ExchangeTest, EachErrorIsToldByItsRowOfTheTable) {
  for (std::size_t i = 0; i < upstream::error_table.size(); ++i) {
    const auto& traits = upstream::error_table[i];
    testing::Asker one;
    prepare(1);
    servers->troubles[a] = static_cast<Error>(i);
    start(one);
    EXPECT_EQ(one.rcode, traits.rcode) << traits.reason;
    EXPECT_EQ(one.info_code, traits.info_code) << traits.reason;
    EXPECT_EQ(one.text, std::string(traits.text) + " at a");
    EXPECT_EQ(one.may_be_cached, traits.may_be_cached) << traits.reason;
  }
  servers.reset();
}

TEST_F(ExchangeTest, TheEndOfTheBudgetIsCountedAtEachServerThatHasTheQuestion) {
  ask(3);
  time.pass(1s);
  servers->fail(b);
  time.pass(3s);
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_THAT(servers->asked, ElementsAre(a, b, c, b));
  EXPECT_THAT(servers->timeouts, ::testing::UnorderedElementsAre(a, b, c));
}

TEST_F(ExchangeTest, NoTimeoutIsCountedAtAServerThatIsBackedOffFromNorWhereAnotherAnswers) {
  prepare(2);
  servers->refuses_at_once = false;
  servers->troubles[a] = servers->troubles[b] = Error::connect_refused;
  start();
  time.pass(4s);
  EXPECT_EQ(asker.text, "connection refused at b");
  EXPECT_THAT(servers->timeouts, IsEmpty());
  testing::Asker other;
  prepare(2);
  start(other);
  time.pass(1s);
  servers->answer(b);
  EXPECT_EQ(other.rcode, dns::rcode::noerror);
  EXPECT_THAT(servers->timeouts, IsEmpty());
}

TEST_F(ExchangeTest, ARefusalIsFollowedByTheNextServerAtOnce) {
  for (const auto rcode : {dns::rcode::formerr, dns::rcode::servfail, dns::rcode::notimp, dns::rcode::refused}) {
    testing::Asker one;
    prepare(2);
    start(one);
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
  time.pass(4s);
  EXPECT_EQ(asker.rcode, dns::rcode::refused);
  EXPECT_THAT(servers->asked, ElementsAre(a, b)) << "who has refused is not asked again";
}

TEST_F(ExchangeTest, AnAnswerIsStillWaitedForWhereTheOtherServerRefuses) {
  ask(2);
  time.pass(1s);
  servers->answer(b, dns::rcode::refused);
  time.pass(2500ms);
  EXPECT_THAT(servers->asked, ElementsAre(a, b)) << "who has refused is not asked again";
  servers->answer(a);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
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
  time.pass(1s);
  time.pass(3s);
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.text, "no answer in time at b");
  EXPECT_THAT(servers->abandoned, ElementsAre(a, b));
}

TEST_F(ExchangeTest, AnAttemptThatNeverLeftSaysWhyItCouldNot) {
  prepare(1);
  servers->troubles[a] = Error::connect_refused;
  servers->refuses_at_once = false;
  start();
  time.pass(4s);
  EXPECT_EQ(asker.text, "connection refused at a");
}

TEST_F(ExchangeTest, AnAttemptThatWasSentAgainSaysWhyItHadToBe) {
  ask(1);
  time.pass(3900ms);
  servers->fail(a, Error::connect_refused);
  EXPECT_THAT(servers->asked, ElementsAre(a, a));
  time.pass(100ms);
  EXPECT_EQ(asker.text, "connection refused at a");
}

TEST_F(ExchangeTest, WhereEveryServerRefusesAtOnceTheReasonIsTold) {
  prepare(2);
  servers->troubles = {Error::certificate_name, Error::certificate_expired};
  start();
  EXPECT_EQ(asker.rcode, dns::rcode::servfail);
  EXPECT_EQ(asker.text, "certificate expired or not yet valid at b");
}

// A connection that has fallen silent.

TEST_F(ExchangeTest, WhereAConnectionFallsSilentAnotherServerIsAskedAtOnce) {
  ask(2);
  time.pass(100ms);
  servers->under_way.front()->delayed();
  EXPECT_THAT(servers->asked, ElementsAre(a, b));
  servers->answer(a);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror) << "it may have been the path for a moment";
  EXPECT_THAT(servers->abandoned, ElementsAre(b));
}

TEST_F(ExchangeTest, WhereBothFallSilentTheThirdIsAsked) {
  ask(3);
  servers->under_way[0]->delayed();
  servers->under_way[1]->delayed();
  EXPECT_THAT(servers->asked, ElementsAre(a, b, c));
  servers->answer(c);
  EXPECT_THAT(servers->abandoned, ElementsAre(a, b));
}

TEST_F(ExchangeTest, ASilentConnectionIsNotLeftForAServerThatIsDown) {
  prepare(2);
  servers->troubles[b] = Error::connect_refused;
  start();
  servers->under_way.front()->delayed();
  EXPECT_THAT(servers->asked, ElementsAre(a));
  servers->answer(a);
}

TEST_F(ExchangeTest, WithOneServerASilenceChangesNothing) {
  ask(1);
  servers->under_way.front()->delayed();
  EXPECT_THAT(servers->asked, ElementsAre(a));
  servers->answer(a);
}

// Hedges.

TEST_F(ExchangeTest, AHedgeIsAskedAfterTheFirstServersUsualTimeAndMayWin) {
  ask_with_hedge(2);
  time.pass(99ms);
  EXPECT_THAT(servers->asked, ElementsAre(a));
  time.pass(1ms);
  EXPECT_THAT(servers->asked, ElementsAre(a, b));
  servers->answer(b);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
  EXPECT_THAT(servers->won, ElementsAre(b));
  EXPECT_THAT(servers->lost, IsEmpty());
  EXPECT_THAT(servers->abandoned, ElementsAre(a));
}

TEST_F(ExchangeTest, AHedgeLosesWhereTheFirstServerAnswersAllTheSame) {
  ask_with_hedge(2);
  time.pass(100ms);
  servers->answer(a);
  EXPECT_THAT(servers->won, IsEmpty());
  EXPECT_THAT(servers->lost, ElementsAre(b));
  EXPECT_THAT(servers->abandoned, ElementsAre(b));
}

TEST_F(ExchangeTest, NoHedgeWhereTheFirstServerAnswersInItsUsualTime) {
  ask_with_hedge(2);
  time.pass(50ms);
  servers->answer(a);
  time.pass(1s);
  EXPECT_THAT(servers->asked, ElementsAre(a));
  EXPECT_THAT(servers->lost, IsEmpty());
}

TEST_F(ExchangeTest, OverItsBudgetAHedgeIsLeftOutAndTheNextServerAskedInItsTime) {
  prepare(2);
  servers->slow_afters[a] = 100ms;
  servers->hedges_left = 0;
  start();
  time.pass(999ms);
  EXPECT_THAT(servers->asked, ElementsAre(a));
  time.pass(1ms);
  EXPECT_THAT(servers->asked, ElementsAre(a, b));
  servers->answer(b);
  EXPECT_THAT(servers->won, IsEmpty()) << "it was no hedge";
}

TEST_F(ExchangeTest, NoHedgeWhereTheUsualTimeIsNotKnownOrNotWanted) {
  ask(2);
  time.pass(999ms);
  EXPECT_THAT(servers->asked, ElementsAre(a));
  servers->answer(a);
}

TEST_F(ExchangeTest, ThereIsNeverASecondHedge) {
  prepare(3);
  servers->slow_afters = {100ms, 100ms, 100ms};
  servers->hedges_left = 9;
  start();
  time.pass(999ms);
  EXPECT_THAT(servers->asked, ElementsAre(a, b));
  EXPECT_EQ(servers->hedges_left, 8);
  time.pass(1ms);
  EXPECT_THAT(servers->asked, ElementsAre(a, b, c)) << "as every query, after its share of the budget";
  servers->answer(c);
  EXPECT_THAT(servers->lost, ElementsAre(b));
}

TEST_F(ExchangeTest, NoHedgeGoesToAServerThatIsDown) {
  prepare(2);
  servers->slow_afters[a] = 100ms;
  servers->troubles[b] = Error::connect_refused;
  start();
  time.pass(500ms);
  EXPECT_THAT(servers->asked, ElementsAre(a));
  EXPECT_EQ(servers->hedges_left, 1) << "and none is paid for";
  servers->answer(a);
}

TEST_F(ExchangeTest, AHedgeThatFailsHasLost) {
  ask_with_hedge(3);
  time.pass(100ms);
  servers->fail(b);
  EXPECT_THAT(servers->asked, ElementsAre(a, b, c));
  EXPECT_THAT(servers->lost, ElementsAre(b));
  servers->answer(c);
  EXPECT_THAT(servers->won, IsEmpty());
  EXPECT_THAT(servers->lost, ElementsAre(b)) << "counted once";
}

TEST_F(ExchangeTest, AHedgeThatRefusesHasLost) {
  ask_with_hedge(2);
  time.pass(100ms);
  servers->answer(b, dns::rcode::servfail);
  servers->answer(a);
  EXPECT_EQ(asker.rcode, dns::rcode::noerror);
  EXPECT_THAT(servers->lost, ElementsAre(b));
}

TEST_F(ExchangeTest, AHedgeThatCannotBeSentIsNone) {
  prepare(2);
  servers->slow_afters[a] = 100ms;
  start();
  servers->refuses_next = Error::overloaded;
  time.pass(100ms);
  EXPECT_THAT(servers->asked, ElementsAre(a, b));
  EXPECT_EQ(servers->hedges_left, 1) << "and none is paid for";
  servers->answer(a);
  EXPECT_THAT(servers->lost, IsEmpty());
}

}  // namespace
}  // namespace pillion::resolve
