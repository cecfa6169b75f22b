// Measures a server whose behaviour is known.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/name.hpp"
#include "probe/findings.hpp"
#include "probe/run.hpp"
#include "support/dot_server.hpp"
#include "support/temporary_directory.hpp"

namespace pillion::probe {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;

class QuietLog final : public runtime::Log {
 public:
  QuietLog() : Log(runtime::LogLevel::error) {}

 private:
  void write(runtime::LogLevel /*level*/, std::string_view message, std::span<const runtime::Field>) override {
    ADD_FAILURE() << message;
  }
};

class MeasurementTest : public ::testing::Test {
 protected:
  /// A server that answers its zone at once, and any other name after `delay`.
  [[nodiscard]] std::unique_ptr<test::DotServer> serve(test::ServerSettings settings, bool plain = false) const {
    if (!settings.identity) settings.identity = identity;
    auto server = std::make_unique<test::DotServer>(
        test::ServerOptions{.settings = std::move(settings), .address = "127.0.0.1", .tls = true, .plain = plain});
    server->on_query({.name = "probe.example"});
    server->on_query({.name = "*", .delay = delay});
    return server;
  }
  [[nodiscard]] ProbeTarget target_of(std::uint16_t port, config::Protocol protocol = config::Protocol::tls) const {
    ProbeTarget target;
    target.upstream = "public";
    target.protocol = protocol;
    target.server.endpoint = {"127.0.0.1", port};
    if (protocol == config::Protocol::tls) target.server.tls_name = "dot.example";
    target.tls.ca_file = ca_file;
    target.zone = dns::parse_name("probe.example").value();
    return target;
  }
  ProbeFigures measure(const ProbeTarget& target) {
    const ProbeNames names{.bogus = dns::parse_name("servfail.example").value(),
                           .large = dns::parse_name("txt2000.example").value(),
                           .large_type = dns::type::txt};
    auto all = measure_all(log, {target}, names, limits, [](std::size_t, std::string_view, double) {});
    return std::move(all.at(0));
  }
  ProbeFigures measure(test::ServerSettings settings) {
    const auto server = serve(std::move(settings));
    return measure(target_of(server->tls_port()));
  }
  static std::vector<std::string> texts(const ProbeTarget& target, const ProbeFigures& figures) {
    std::vector<std::string> texts;
    for (const auto& finding : findings_of(target, figures)) texts.push_back(finding.text);
    return texts;
  }

  std::chrono::milliseconds delay{150};  // much longer than the delays of a busy machine
  QuietLog log;
  ProbeLimits limits{.handshakes = 2, .samples = 5, .in_flight = 16, .pipelined = 200};
  test::TemporaryDirectory directory;
  test::CertificateAuthority authority;
  test::Identity identity = authority.issue();
  std::string ca_file = directory.write("ca.pem", authority.certificate_pem());
};

TEST_F(MeasurementTest, OfAGoodServer) {
  const auto server = serve({.answers = {.padding_block = 468, .keepalive = 300}});
  const auto target = target_of(server->tls_port());
  const auto figures = measure(target);
  EXPECT_FALSE(figures.failure);
  EXPECT_TRUE(figures.connect);
  ASSERT_TRUE(figures.tls);
  EXPECT_TRUE(figures.tls->full);
  EXPECT_TRUE(figures.tls->resumed);
  EXPECT_EQ(figures.tls->version, "TLSv1.3");
  EXPECT_FALSE(figures.tls->group.empty());
  EXPECT_THAT(figures.tls->cipher, HasSubstr("TLS_"));
  ASSERT_EQ(figures.tls->chain.size(), 2U) << "the authority included";
  EXPECT_EQ(figures.tls->chain[0].subject, "CN=dot.example");
  EXPECT_EQ(figures.tls->chain[0].issuer, "CN=Throwaway test CA");
  EXPECT_THAT(figures.tls->chain[0].names, Contains("dot.example"));
  EXPECT_EQ(figures.tls->chain[0].pin, identity.pin());
  EXPECT_EQ(figures.hot.asked, 5U);
  EXPECT_EQ(figures.hot.unanswered + figures.cold.unanswered, 0U);
  ASSERT_TRUE(figures.hot.latency && figures.cold.latency);
  EXPECT_GE(figures.cold.latency->p50, delay);
  ASSERT_TRUE(figures.in_flight);
  EXPECT_EQ(figures.in_flight->served, 16U);
  EXPECT_FALSE(figures.in_flight->is_limit);
  ASSERT_TRUE(figures.pipelined);
  EXPECT_EQ(figures.pipelined->answered, 200U);
  EXPECT_EQ(figures.padding, 468U);
  EXPECT_EQ(figures.keepalive, 30s);
  EXPECT_EQ(figures.closes, 0U);
  EXPECT_FALSE(figures.idle) << "nobody wanted to know";
  ASSERT_TRUE(figures.bogus_name && figures.large_answer);
  EXPECT_EQ(figures.bogus_name->rcode, dns::rcode::servfail);
  EXPECT_GE(figures.large_answer->size, 2000U);
  EXPECT_FALSE(figures.large_answer->is_truncated);
  EXPECT_FALSE(has_failed(findings_of(target, figures)));
}

TEST_F(MeasurementTest, FindsTheLimitInFlight) {
  for (const std::size_t limit : {2U, 6U}) {
    const auto figures = measure(test::ServerSettings{.connections = {.max_in_flight = limit}});
    ASSERT_TRUE(figures.in_flight) << limit;
    EXPECT_EQ(figures.in_flight->served, limit);
    EXPECT_TRUE(figures.in_flight->is_limit);
  }
}

TEST_F(MeasurementTest, FindsAServerThatAnswersInOrder) {
  const auto server = serve({.connections = {.max_in_flight = 1}});
  const auto target = target_of(server->tls_port());
  const auto figures = measure(target);
  ASSERT_TRUE(figures.in_flight);
  EXPECT_EQ(figures.in_flight->served, 1U);
  EXPECT_THAT(texts(target, figures), Contains(HasSubstr("in order")));
}

TEST_F(MeasurementTest, SaysNothingOfTheLimitWhereColdNamesAreAsFastAsHotOnes) {
  delay = 0ms;
  EXPECT_FALSE(measure(test::ServerSettings{}).in_flight);
}

TEST_F(MeasurementTest, FindsThatNothingIsResumedNorPadded) {
  const auto server = serve({.tls = {.tickets = false}, .answers = {.padding_block = 0}});
  const auto target = target_of(server->tls_port());
  const auto figures = measure(target);
  ASSERT_TRUE(figures.tls);
  EXPECT_TRUE(figures.tls->full);
  EXPECT_FALSE(figures.tls->resumed);
  EXPECT_FALSE(figures.padding);
  EXPECT_THAT(texts(target, figures), Contains(HasSubstr("does not resume")));
  EXPECT_THAT(texts(target, figures), Contains(HasSubstr("does not pad")));
  EXPECT_FALSE(has_failed(findings_of(target, figures))) << "it can be used all the same";
}

TEST_F(MeasurementTest, FindsAnotherBlockOfPaddingAndTls12) {
  const auto figures =
      measure(test::ServerSettings{.tls = {.max_version = TLS1_2_VERSION}, .answers = {.padding_block = 128}});
  EXPECT_EQ(figures.padding, 128U);
  ASSERT_TRUE(figures.tls);
  EXPECT_EQ(figures.tls->version, "TLSv1.2");
  EXPECT_TRUE(figures.tls->resumed);
}

TEST_F(MeasurementTest, FindsTheIdleTimeout) {
  limits.idle = 20s;
  const auto figures = measure(test::ServerSettings{.connections = {.idle_timeout = 700ms}});
  ASSERT_TRUE(figures.idle && figures.idle->closed_after);
  EXPECT_GE(*figures.idle->closed_after, 650ms);
  EXPECT_LT(*figures.idle->closed_after, 20s);
  EXPECT_EQ(figures.closes, 0U) << "an idle close is none while it is asked";
}

TEST_F(MeasurementTest, SaysHowLongAnIdleConnectionStayedOpen) {
  limits.idle = 300ms;
  const auto figures = measure(test::ServerSettings{.answers = {.keepalive = 1}});
  ASSERT_TRUE(figures.idle);
  EXPECT_FALSE(figures.idle->closed_after) << "nor has this side closed it, which knows of no word of the server's";
  EXPECT_GE(figures.idle->waited, 300ms);
}

TEST_F(MeasurementTest, CountsWhatTheServerCloses) {
  const auto server = serve({.connections = {.close_after_answers = 3}});
  const auto target = target_of(server->tls_port());
  const auto figures = measure(target);
  EXPECT_GT(figures.closes, 3U);
  EXPECT_THAT(texts(target, figures), Contains(HasSubstr("connections during the measurement")));
}

TEST_F(MeasurementTest, AStreamIsNotToBeTruncated) {
  const auto server = serve({.answers = {.size_limit = 1000}});
  const auto target = target_of(server->tls_port());
  const auto figures = measure(target);
  EXPECT_THAT(texts(target, figures), Contains("the server truncates answers over a stream"));
  EXPECT_TRUE(has_failed(findings_of(target, figures)));
}

TEST_F(MeasurementTest, AServerThatRefusesHasFailed) {
  const auto server = serve({.answers = {.rcode = dns::rcode::refused}});
  const auto target = target_of(server->tls_port());
  const auto figures = measure(target);
  EXPECT_EQ(figures.hot.refused, 5U);
  EXPECT_THAT(texts(target, figures), Contains("the server answered 5 of 5 queries for the hot name with REFUSED"));
  EXPECT_TRUE(has_failed(findings_of(target, figures)));
}

TEST_F(MeasurementTest, NamesWhatIsWrongWithACertificate) {
  const auto finding = [&](const test::Identity& shown, const std::function<void(ProbeTarget&)>& edit) {
    const auto server = serve({.identity = shown});
    auto target = target_of(server->tls_port());
    edit(target);
    const auto found = findings_of(target, measure(target));
    EXPECT_TRUE(has_failed(found));
    return found.empty() ? std::string{} : found.front().text;
  };
  const auto leave = [](ProbeTarget&) {};
  EXPECT_EQ(finding(identity, [](ProbeTarget& target) { target.server.tls_name = "other.example"; }),
            "certificate name mismatch: the name must be other.example, and the certificate is for dot.example");
  EXPECT_EQ(finding(identity, [](ProbeTarget& target) { target.server.tls_name.clear(); }),
            "certificate name mismatch: the name must be 127.0.0.1, and the certificate is for dot.example");
  EXPECT_THAT(
      finding(authority.issue({.not_before = -std::chrono::hours{48}, .not_after = -std::chrono::hours{24}}), leave),
      HasSubstr("certificate expired or not yet valid: CN=dot.example was valid until 20"));
  EXPECT_THAT(
      finding(authority.issue({.not_before = std::chrono::hours{24}, .not_after = std::chrono::hours{48}}), leave),
      HasSubstr("CN=dot.example is not valid before 20"));
  EXPECT_THAT(finding(test::CertificateAuthority("Another CA").issue(), leave),
              HasSubstr("certificate not signed by a trusted CA: CN=dot.example is signed by CN=Another CA, and "));
  const auto other = authority.issue();
  EXPECT_EQ(finding(identity, [&](ProbeTarget& target) { target.server.pins = {other.pin()}; }),
            "no pin matches the certificate's key: the pin of the certificate is " + identity.pin());
}

TEST_F(MeasurementTest, NamesWhatKeepsItFromConnecting) {
  const auto server = serve({});
  server->stop_listening();
  const auto target = target_of(server->tls_port());
  EXPECT_THAT(texts(target, measure(target)), Contains("connection refused"));

  const auto silent = serve({.connections = {.finish_handshake = false}});
  const auto other = target_of(silent->tls_port());
  EXPECT_THAT(texts(other, measure(other)), Contains(HasSubstr("TLS handshake timed out")));
}

TEST_F(MeasurementTest, OverTcpAndUdp) {
  const auto server = serve({}, true);
  const auto tcp = measure(target_of(server->plain_port(), config::Protocol::tcp));
  EXPECT_FALSE(tcp.failure || tcp.tls);
  EXPECT_TRUE(tcp.connect && tcp.hot.latency && tcp.in_flight);
  const auto udp = measure(target_of(server->plain_port(), config::Protocol::udp));
  EXPECT_FALSE(udp.failure || udp.tls || udp.connect || udp.in_flight);
  EXPECT_TRUE(udp.hot.latency);
  ASSERT_TRUE(udp.large_answer && udp.large_over_tcp);
  EXPECT_TRUE(udp.large_answer->is_truncated);
  EXPECT_GE(udp.large_over_tcp->size, 2000U);
}

TEST_F(MeasurementTest, KeepsToItsBounds) {
  limits.samples = 10;
  limits.pipelined = 50;
  const auto server = serve({});
  static_cast<void>(measure(target_of(server->tls_port())));
  // Resumption, the first query, both kinds of names, the search for the limit at its worst, and behaviour.
  constexpr std::size_t most = 2 + 1 + 2 * 10 + 200 + 50 + 4;
  EXPECT_LE(server->counters().queries, most);
}

}  // namespace
}  // namespace pillion::probe
