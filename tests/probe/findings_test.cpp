#include "probe/findings.hpp"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probe/samples.hpp"

namespace pillion::probe {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::good_figures;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::sample_server;
using testing::sample_target;

std::vector<ProbeFinding> after(const std::function<void(ProbeFigures&)>& edit, ProbeTarget target = sample_target()) {
  auto figures = good_figures();
  edit(figures);
  return findings_of(target, figures);
}

MATCHER_P(Fails, text, "") {
  return arg.severity == ProbeSeverity::failed && arg.text == text;
}
MATCHER_P(Warns, text, "") {
  return arg.severity == ProbeSeverity::warning && arg.text == text;
}

TEST(Findings, OfAGoodServerAreNone) {
  EXPECT_THAT(after([](ProbeFigures&) {}), IsEmpty());
}

TEST(Findings, NameWhatIsUnlikeWhatOneWouldWish) {
  EXPECT_THAT(after([](ProbeFigures& figures) { figures.tls->chain[0].not_after = figures.measured_at + 170h; }),
              ElementsAre(Warns("a certificate of the server's chain expires in 7 days")));
  EXPECT_THAT(after([](ProbeFigures& figures) { figures.tls->chain[0].not_after = figures.measured_at + 20h; }),
              ElementsAre(Warns("a certificate of the server's chain expires within a day")));
  EXPECT_THAT(after([](ProbeFigures& figures) { figures.tls->chain[0].not_after = figures.measured_at + 30h; }),
              ElementsAre(Warns("a certificate of the server's chain expires in 1 day")));
  EXPECT_THAT(after([](ProbeFigures& figures) { figures.missing_name = Behaviour{.rcode = 0, .records = 1}; }),
              ElementsAre(Warns("the server answers names that do not exist with records of its own")));
  EXPECT_THAT(after([](ProbeFigures& figures) { figures.missing_name = Behaviour{.rcode = 0, .records = 0}; }),
              IsEmpty())
      << "without records it is no lie that anybody would connect to";
  EXPECT_THAT(after([](ProbeFigures& figures) { figures.bogus_name = Behaviour{.rcode = 0, .records = 1}; }),
              ElementsAre(Warns("the server answers a name with invalid DNSSEC signatures")));
  EXPECT_THAT(after([](ProbeFigures& figures) { figures.signed_name->is_authentic = false; }),
              ElementsAre(Warns(
                  "the server does not set AD in the answer for a signed name, so that it does not seem to validate")));
}

TEST(Findings, SayNothingOfValidationWhereTheServerRefused) {
  EXPECT_THAT(after([](ProbeFigures& figures) {
                figures.signed_name = Behaviour{.rcode = dns::rcode::refused, .is_authentic = false};
              }),
              IsEmpty());
}

TEST(Findings, SayWhyQueriesHadNoAnswer) {
  EXPECT_THAT(after([](ProbeFigures& figures) {
                figures.hot.unanswered = figures.hot.asked;
                figures.hot.error = upstream::Error::reset;
              }),
              ElementsAre(Fails("the server did not answer 40 of 40 queries for the hot name: connection reset")));
}

TEST(Findings, OfAFailedHandshakeAreWhole) {
  const std::string detail(120, 'x');
  EXPECT_THAT(after([&](ProbeFigures& figures) {
                figures.failure = ProbeFailure{.error = upstream::Error::tls_failed, .detail = detail};
              }),
              ElementsAre(Fails("TLS handshake failed: " + detail)));
}

TEST(Findings, OfAServerOfOneZoneAreNotThoseOfAValidator) {
  auto target = sample_target();
  target.is_general = false;
  EXPECT_THAT(after([](ProbeFigures& figures) { figures.signed_name->is_authentic = false; }, target), IsEmpty());
}

TEST(Findings, AFewLostQueriesAreNoFailure) {
  EXPECT_THAT(after([](ProbeFigures& figures) { figures.cold.unanswered = 3; }),
              ElementsAre(Warns("the server did not answer 3 of 40 queries for cold names")));
  EXPECT_THAT(after([](ProbeFigures& figures) { figures.cold.unanswered = 4; }),
              ElementsAre(Fails("the server did not answer 4 of 40 queries for cold names")));
}

TEST(Findings, FailuresComeFirst) {
  const auto findings = after([](ProbeFigures& figures) {
    figures.padding.reset();
    figures.large_answer->is_truncated = true;
  });
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_THAT(findings.front(), Fails("the server truncates answers over a stream"));
  EXPECT_TRUE(has_failed(findings));
}

TEST(Findings, TruncationOverUdpIsAsItShouldBe) {
  auto target = sample_target();
  target.protocol = config::Protocol::udp;
  auto figures = good_figures();
  figures.tls.reset();
  figures.large_answer->is_truncated = true;
  figures.large_over_tcp = Behaviour{.rcode = 0, .size = 1404};
  EXPECT_THAT(findings_of(target, figures), IsEmpty());
  figures.large_over_tcp->is_truncated = true;
  EXPECT_THAT(findings_of(target, figures), ElementsAre(Fails("the server truncates answers over TCP too")));
}

TEST(Findings, WhatTheSystemSaysIsPrintable) {
  const auto figures = testing::failed_figures(upstream::Error::alpn_mismatch, "h2\x1b[2J\n");
  const auto text = failure_text(sample_target(), figures);
  EXPECT_THAT(text, HasSubstr("ALPN protocol is not dot: h2"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Ranking, PutsTheFastestFirstAndThoseThatFailedLast) {
  const auto slow = sample_server(sample_target("192.0.2.1"), good_figures(30ms));
  const auto fast = sample_server(sample_target("192.0.2.2"), good_figures(2ms));
  auto figures = good_figures(1ms);
  figures.large_answer->is_truncated = true;
  const auto broken = sample_server(sample_target("192.0.2.3"), figures);
  const auto refused =
      sample_server(sample_target("192.0.2.4"), testing::failed_figures(upstream::Error::connect_refused, ""));
  std::vector<std::string> order;
  for (const auto& server : ranked({refused, broken, slow, fast}))
    order.push_back(server.target.server.endpoint.address);
  EXPECT_THAT(order, ElementsAre("192.0.2.2", "192.0.2.1", "192.0.2.3", "192.0.2.4"));
}

TEST(DaysLeft, AreOfTheCertificateThatEndsFirst) {
  auto figures = good_figures();
  EXPECT_EQ(days_left(figures), 90);
  figures.tls->chain.push_back(figures.tls->chain[0]);
  figures.tls->chain[1].not_after = figures.measured_at - 1h;
  EXPECT_EQ(days_left(figures), -1);
  EXPECT_EQ(date_text(figures.measured_at), "2026-11-26");
}

}  // namespace
}  // namespace pillion::probe
