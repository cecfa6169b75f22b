#include "admin/verdict.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>

namespace pillion::admin {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using upstream::Error;

constexpr std::size_t servfail = 2;
constexpr std::size_t refusal = 5;
constexpr auto from_upstream = resolve::Source::upstream;
constexpr double now_unix = 1'800'000'000;

ServerFigures server_figures(std::string address, bool is_up = true) {
  return {.upstream = "public", .server = std::move(address), .is_up = is_up, .is_tried = true};
}

/// A minute in which 1,000 queries were answered by two servers that are up.
class VerdictTest : public testing::Test {
 protected:
  VerdictTest() {
    before_.at = runtime::Time(1h);
    before_.servers = {server_figures("192.0.2.1:853"), server_figures("192.0.2.2:853")};
    now_ = before_;
    now_.at += 60s;
    now_.responses[0][from_upstream] = 1000;
    situation_.unix_seconds = now_unix;
  }
  [[nodiscard]] std::vector<Finding> findings() const { return judge(now_, before_, situation_); }
  [[nodiscard]] Finding first() const { return findings().front(); }
  void fail(std::size_t server, Error error, std::uint64_t times) { now_.servers[server].failures[error] += times; }

  Figures before_;
  Figures now_;
  Situation situation_;
};

TEST_F(VerdictTest, AllIsWell) {
  ASSERT_EQ(findings().size(), 1U);
  EXPECT_EQ(first().code, "all_well");
  EXPECT_EQ(first().severity, Severity::ok);
  EXPECT_EQ(first().fault, Fault::none);
  EXPECT_EQ(first().text, "DNS works: 1000 answers in the last 60 seconds, 2 of 2 servers up.");
}

TEST_F(VerdictTest, WhatHappenedBeforeTheWindowIsOver) {
  before_.servers[0].failures[Error::connect_refused] = 50;
  before_.internal_errors = 3;
  before_.invalid[0] = 7;
  before_.responses[servfail][from_upstream] = 500;
  before_.forwarding_loops = 1;
  now_.servers = before_.servers;
  now_.internal_errors = before_.internal_errors;
  now_.invalid = before_.invalid;
  now_.responses[servfail] = before_.responses[servfail];
  now_.forwarding_loops = before_.forwarding_loops;
  EXPECT_EQ(first().code, "all_well");
}

TEST_F(VerdictTest, OneServerThatIsDownIsAWarning) {
  now_.servers[0].is_up = false;
  fail(0, Error::connect_refused, 3);
  EXPECT_EQ(first().code, "server_down");
  EXPECT_EQ(first().severity, Severity::warning);
  EXPECT_EQ(first().fault, Fault::upstream);
  EXPECT_EQ(first().subject, "192.0.2.1:853");
  EXPECT_THAT(first().text,
              HasSubstr("192.0.2.1:853 of upstream public is down (connection refused): the other servers"));
}

TEST_F(VerdictTest, AWholeUpstreamThatIsDownIsCritical) {
  for (std::size_t i = 0; i < 2; ++i) {
    now_.servers[i].is_up = false;
    fail(i, Error::connect_refused, 3);
  }
  EXPECT_EQ(first().code, "upstream_down");
  EXPECT_EQ(first().severity, Severity::critical);
}

TEST_F(VerdictTest, AServerThatWasNeverTriedIsNotDown) {
  for (auto& server : now_.servers) server.is_up = server.is_tried = false;
  EXPECT_EQ(first().code, "all_well");
}

TEST_F(VerdictTest, TheReasonIsTheServersOwnFailureNotThoseOfItsQueries) {
  now_.servers[0].is_up = false;
  fail(0, Error::certificate_name, 2);
  fail(0, Error::timeout, 900);
  EXPECT_EQ(first().code, "certificate_refused");
  EXPECT_THAT(first().text, HasSubstr("certificate name mismatch"));
}

TEST_F(VerdictTest, TheNetworkIsToBlameWhereThereIsNoWay) {
  now_.servers[0].is_up = false;
  fail(0, Error::unreachable, 2);
  EXPECT_EQ(first().fault, Fault::network);
}

TEST_F(VerdictTest, AServerThatIsUpAndFailsIsNamedWithItsMostFrequentReason) {
  now_.servers[1].responses[0] = 70;
  now_.servers[1].responses[3] = 10;
  EXPECT_EQ(first().code, "all_well");
  now_.servers[1].responses[refusal] = 15;
  fail(1, Error::timeout, 4);
  EXPECT_EQ(first().code, "all_well") << "a fifth is too much, and no less";
  now_.servers[1].responses[refusal] = 16;
  EXPECT_EQ(first().code, "server_failing");
  EXPECT_EQ(first().severity, Severity::warning);
  EXPECT_EQ(first().fault, Fault::upstream);
  EXPECT_EQ(first().subject, "192.0.2.2:853");
  EXPECT_THAT(first().text, HasSubstr("is up, but fails 20 % of its queries, most often since it replies REFUSED, in"));
  fail(1, Error::timeout, 13);
  EXPECT_THAT(first().text, HasSubstr("most often since no answer in time, in"));
}

TEST_F(VerdictTest, AFewFailuresSayNothing) {
  now_.servers[1].responses[servfail] = 9;
  EXPECT_EQ(first().code, "all_well");
}

TEST_F(VerdictTest, ASlowServer) {
  now_.servers[1].request_duration.buckets[6] = 5;   // 100 to 500 ms
  now_.servers[1].request_duration.buckets[7] = 20;  // 500 ms to 4 s
  EXPECT_EQ(first().code, "server_slow");
  EXPECT_EQ(first().fault, Fault::upstream);
  EXPECT_EQ(first().subject, "192.0.2.2:853");
}

TEST_F(VerdictTest, AFewSlowAnswersSayNothing) {
  now_.servers[1].request_duration.buckets[7] = 9;
  EXPECT_EQ(first().code, "all_well");
}

TEST_F(VerdictTest, AnswersThatFail) {
  now_.responses[servfail][from_upstream] = 50;
  EXPECT_EQ(first().code, "answers_failing");
  EXPECT_EQ(first().severity, Severity::warning);
  EXPECT_THAT(first().text, HasSubstr("5 % of 1050 answers failed"));
  now_.responses[servfail][from_upstream] = 1000;
  EXPECT_EQ(first().severity, Severity::critical);
}

TEST_F(VerdictTest, WhereFewAreAskedForItDoesNotSayThatDnsWorksWhenTheyFail) {
  now_.responses = {};
  now_.responses[servfail][from_upstream] = 2;
  fail(0, Error::closed, 2);
  ASSERT_EQ(findings().size(), 2U);
  EXPECT_EQ(findings()[0].code, "server_failing");
  EXPECT_EQ(findings()[0].severity, Severity::notice);
  EXPECT_THAT(findings()[0].text, HasSubstr("most often since connection closed before the answer"));
  EXPECT_EQ(findings()[1].code, "answers_failing");
  EXPECT_EQ(findings()[1].text, "2 of 2 answers failed (SERVFAIL, REFUSED, FORMERR or NOTIMP) in the last 60 seconds.");
  now_.responses[0][from_upstream] = 3;
  EXPECT_EQ(first().code, "all_well") << "most of them work";
}

TEST_F(VerdictTest, AnIdleConnectionThatIsLostIsNoFailure) {
  now_.responses = {};
  fail(0, Error::reset, 1);
  EXPECT_EQ(first().code, "all_well");
  now_.responses[0][from_upstream] = 1;
  EXPECT_EQ(first().code, "all_well");
}

TEST_F(VerdictTest, AnUpstreamsOtherRefusalsAreFailuresAndOurOwnToClientsAreNot) {
  constexpr std::size_t formerr = 1;
  constexpr std::size_t notimp = 4;
  now_.responses[formerr][resolve::Source::local] = 500;
  now_.responses[notimp][resolve::Source::local] = 500;
  EXPECT_EQ(first().code, "all_well");
  now_.responses[formerr][from_upstream] = 500;
  now_.responses[notimp][resolve::Source::cache] = 500;
  EXPECT_EQ(first().code, "answers_failing");
  EXPECT_THAT(first().text, HasSubstr("33 % of 3000 answers"));
}

TEST_F(VerdictTest, WhatWeRefuseForWantOfRoomIsNoFailureOfTheUpstream) {
  now_.responses[refusal][resolve::Source::local] = 500;
  now_.refused[server::Refusal::in_flight_limit] = 400;
  now_.refused[server::Refusal::memory_limit] = 100;
  for (const auto& each : findings()) {
    EXPECT_NE(each.code, "answers_failing");
    EXPECT_EQ(each.fault, Fault::clients);
  }
  now_.responses[refusal][resolve::Source::local] = 700;
  EXPECT_EQ(first().code, "answers_failing");
}

TEST_F(VerdictTest, StaleAnswers) {
  now_.responses[0][resolve::Source::stale] = 1;
  EXPECT_EQ(first().code, "stale_answers");
  EXPECT_THAT(first().text, HasSubstr("1 answer was given although expired"));
}

TEST_F(VerdictTest, ACertificateThatExpiresSoon) {
  now_.servers[0].certificate_not_after = now_unix + 8 * 86'400;
  EXPECT_EQ(first().code, "all_well");
  now_.servers[0].certificate_not_after = now_unix + 6.5 * 86'400;
  EXPECT_EQ(first().code, "certificate_expires");
  EXPECT_THAT(first().text, HasSubstr("expires in 6 days"));
  now_.servers[0].certificate_not_after = now_unix + 3600;
  EXPECT_THAT(first().text, HasSubstr("expires within a day"));
  now_.servers[0].certificate_not_after = now_unix - 1;
  EXPECT_THAT(first().text, HasSubstr("has expired"));
}

TEST_F(VerdictTest, AForwardingLoopIsTheConfigurations) {
  now_.forwarding_loops = 1;
  EXPECT_EQ(first().code, "forwarding_loop");
  EXPECT_EQ(first().severity, Severity::critical);
  EXPECT_EQ(first().fault, Fault::configuration);
}

TEST_F(VerdictTest, ClientsThatMisbehave) {
  now_.invalid[3] = 12;
  EXPECT_EQ(first().code, "clients_misbehaving");
  EXPECT_EQ(first().severity, Severity::notice);
  EXPECT_EQ(first().fault, Fault::clients);
  EXPECT_THAT(first().text, HasSubstr("12 invalid queries"));
}

TEST_F(VerdictTest, ClientsThatAreRefusedForWantOfRoom) {
  now_.refused[server::Refusal::in_flight_limit] = 2;
  EXPECT_EQ(first().code, "clients_refused");
  now_.refused = {};
  now_.refused[server::Refusal::zone_transfer] = 2;
  EXPECT_EQ(first().code, "all_well") << "a zone transfer is refused to anybody";
}

TEST_F(VerdictTest, MemoryThatIsShort) {
  now_.refused[server::Refusal::memory_limit] = 2;
  EXPECT_EQ(first().code, "memory_short");
  now_.refused = {};
  constexpr auto queries = runtime::MemoryUse::queries;
  constexpr auto cached = runtime::MemoryUse::cache;
  now_.memory_limits[queries] = now_.memory_limits[cached] = 1000;
  now_.memory_used[cached] = 1000;
  now_.memory_used[queries] = 940;
  EXPECT_EQ(first().code, "all_well") << "a cache is meant to be full";
  now_.memory_used[queries] = 960;
  EXPECT_EQ(first().code, "memory_short");
}

TEST_F(VerdictTest, WhatTheProcessDoes) {
  situation_.state = ProcessState::draining;
  EXPECT_EQ(first().code, "draining");
  situation_.state = ProcessState::starting;
  EXPECT_EQ(first().code, "starting");
  situation_.last_reload_failed = true;
  EXPECT_EQ(first().code, "reload_failed");
  situation_.loops_turn = false;
  EXPECT_EQ(first().code, "loop_stuck");
  EXPECT_EQ(findings().size(), 3U);
}

TEST_F(VerdictTest, TheWorstComesFirst) {
  now_.invalid[0] = 1;
  now_.servers[0].is_up = false;
  now_.forwarding_loops = 1;
  const auto all = findings();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].severity, Severity::critical);
  EXPECT_EQ(all[1].severity, Severity::warning);
  EXPECT_EQ(all[2].severity, Severity::notice);
}

}  // namespace
}  // namespace pillion::admin
