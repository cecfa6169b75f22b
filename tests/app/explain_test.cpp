// A question that a whole shard explains, against real servers: the trace's words and the Extended DNS Error of each
// failure that sockets and OpenSSL bring about.

#include <future>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/trace_json.hpp"
#include "app/shard_runner.hpp"
#include "dns/name.hpp"
#include "upstream/trace_text.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;
namespace trace = upstream::trace;
using test::QueryFault;
using ::testing::HasSubstr;
using testing::make_config;
using testing::ShardRunner;
using testing::TlsSetup;

server::ExplainedQuestion question_for(std::string_view name) {
  return {.name = dns::parse_name(name).value(), .type = dns::type::a};
}

server::Explanation explain(ShardRunner& shard, std::string_view name) {
  std::promise<std::optional<server::Explanation>> promise;
  auto future = promise.get_future();
  shard.shard().look([&](admin::ShardView& view) {
    view.explain(question_for(name),
                 [&](std::optional<server::Explanation> explanation) { promise.set_value(std::move(explanation)); });
  });
  auto explanation = future.get();
  EXPECT_TRUE(explanation);
  return std::move(explanation).value_or(server::Explanation{.trace = trace::Trace({}), .answer = {}});
}

std::string text_of(const server::Explanation& explanation) {
  std::string text;
  for (const auto& event : explanation.trace.events()) text += trace::line_of(event) + "\n";
  return text;
}

/// The Extended DNS Error that a client would get.
std::string extended_error_of(const server::Explanation& explanation) {
  return testing::read_answer(explanation.answer).extended_error;
}

std::string at(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

TEST(Explain, AMissOverTlsAndTheHitAfterIt) {
  TlsSetup setup;
  setup.config.cache.size = std::size_t{1} << 20U;
  ShardRunner shard(setup.config);
  const auto miss = explain(shard, "www.example");
  const auto server = at(setup.server.tls_port());
  const auto text = text_of(miss);
  EXPECT_THAT(text, HasSubstr("chooses " + server + ": the only server left (" + server + ": not measured)"));
  EXPECT_THAT(text, HasSubstr("sent to " + server + " by tls on a new connection, TLSv1.3 "));
  EXPECT_THAT(text, HasSubstr("verified dot.example, full handshake in "));
  EXPECT_THAT(text, HasSubstr(server + " replies NOERROR with 1 record after "));
  EXPECT_THAT(text, HasSubstr("answer from upstream: NOERROR with 1 record\n"));
  EXPECT_EQ(testing::read_answer(miss.answer).answers, 1);

  EXPECT_THAT(text_of(explain(shard, "www.example")), HasSubstr("answer from cache: NOERROR with 1 record\n"));
  EXPECT_THAT(text_of(explain(shard, "other.example")), HasSubstr("sent to " + server + " by tls on a connection of "));
}

TEST(Explain, AResumedSessionNamesItsVerifiedName) {
  TlsSetup setup;
  ShardRunner shard(setup.config);
  static_cast<void>(explain(shard, "one.example"));
  setup.server.close_connections();
  ASSERT_TRUE(setup.server.wait_for([](const test::Counters& seen) { return seen.resumed_handshakes == 1; }));
  EXPECT_THAT(text_of(explain(shard, "two.example")), HasSubstr("verified dot.example, resumed in "));
}

TEST(Explain, AReloadChangesWhatAnswersState) {
  TlsSetup setup;
  ShardRunner shard(setup.config);
  const auto stated = [&] {
    const auto explanation = explain(shard, "www.example");
    return dns::read_edns(dns::MessageView::parse(explanation.answer).value()).udp_payload;
  };
  EXPECT_EQ(stated(), setup.config.dns.udp_payload);
  auto config = setup.config;
  config.dns.udp_payload = 4096;
  std::promise<std::optional<std::string>> prepared;
  shard.shard().prepare(make_plan(std::move(config), nullptr), {}, std::chrono::minutes(1),
                        [&](auto error) { prepared.set_value(std::move(error)); });
  ASSERT_EQ(prepared.get_future().get(), std::nullopt);
  std::promise<bool> committed;
  shard.shard().commit([](int) {}, [&](const ShardUpstreams* upstreams) { committed.set_value(upstreams != nullptr); });
  ASSERT_TRUE(committed.get_future().get());
  EXPECT_EQ(stated(), 4096);
}

TEST(Explain, JsonHasAllOfIt) {
  TlsSetup setup;
  setup.config.cache.size = std::size_t{1} << 20U;
  ShardRunner shard(setup.config);
  const auto json = admin::to_json(question_for("www.example"), explain(shard, "www.example"));
  EXPECT_EQ(json.at("name"), "www.example.");
  EXPECT_EQ(json.at("type"), "A");
  EXPECT_EQ(json.at("rcode"), "NOERROR");
  EXPECT_EQ(json.at("source"), "upstream");
  EXPECT_TRUE(json.at("ede").as_array().empty());
  EXPECT_EQ(json.at("events_lost"), 0);
  const auto& records = json.at("records").as_array();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].at("section"), "answer");
  EXPECT_EQ(records[0].at("name"), "www.example.");
  EXPECT_EQ(records[0].at("type"), "A");
  std::vector<std::string> kinds;
  for (const auto& event : json.at("trace").as_array()) {
    kinds.emplace_back(event.at("event").as_string());
    EXPECT_GE(event.at("at_ms").as_double(), 0);
    EXPECT_FALSE(event.at("text").as_string().empty());
    if (kinds.back() == "sent") {
      EXPECT_EQ(event.at("tls_version"), "TLSv1.3");
      EXPECT_EQ(event.at("tls_verified_name"), "dot.example");
    }
  }
  EXPECT_THAT(kinds, ::testing::IsSupersetOf(
                         {"routed", "cache", "asked", "server_chosen", "sent", "replied", "kept", "answered"}))
      << boost::json::serialize(json);
  EXPECT_EQ(kinds.back(), "answered");
}

/// A server that must not be trusted.
struct Distrust {
  const char* name;
  upstream::Error error;
  const char* detail;  // a regular expression
  test::Identity (*identity)(const test::CertificateAuthority&);
};
class ExplainDistrust : public ::testing::TestWithParam<Distrust> {};

TEST_P(ExplainDistrust, IsNamed) {
  TlsSetup setup;
  const auto identity = GetParam().identity(setup.authority);
  setup.server.change([&](test::ServerSettings& settings) { settings.identity = identity; });
  ShardRunner shard(setup.config);
  const auto explanation = explain(shard, "secret.example");
  const auto server = at(setup.server.tls_port());
  const std::string what(upstream::traits(GetParam().error).text);
  EXPECT_THAT(text_of(explanation), ::testing::ContainsRegex(what + " \\(" + GetParam().detail + "\\)"));
  EXPECT_THAT(text_of(explanation), HasSubstr("SERVFAIL with 0 records, EDE 23 (" + what + " at " + server + ")"));
  EXPECT_EQ(extended_error_of(explanation), what + " at " + server);
}

INSTANTIATE_TEST_SUITE_P(
    All, ExplainDistrust,
    ::testing::Values(
        Distrust{"Expired", upstream::Error::certificate_expired,
                 "certificate has expired: CN=.* was valid until .* GMT",
                 [](const test::CertificateAuthority& ca) {
                   return ca.issue({.not_before = std::chrono::days(-2), .not_after = std::chrono::days(-1)});
                 }},
        Distrust{"NotYetValid", upstream::Error::certificate_expired,
                 "certificate is not yet valid: CN=.* is not valid before .* GMT",
                 [](const test::CertificateAuthority& ca) { return ca.issue({.not_before = std::chrono::days(1)}); }},
        Distrust{"AnotherName", upstream::Error::certificate_name,
                 "hostname mismatch: wanted dot.example, the certificate is for other.example",
                 [](const test::CertificateAuthority& ca) { return ca.issue({.dns_names = {"other.example"}}); }},
        Distrust{"AnotherAuthority", upstream::Error::certificate_untrusted,
                 "unable to get local issuer certificate: CN=.* is signed by CN=Stranger",
                 [](const test::CertificateAuthority&) { return test::CertificateAuthority("Stranger").issue(); }},
        Distrust{"SelfSigned", upstream::Error::certificate_untrusted, "self-signed certificate: CN=.*",
                 [](const test::CertificateAuthority&) { return test::self_signed(); }}),
    [](const auto& tested) { return tested.param.name; });

TEST(Explain, AKeyThatIsNotPinned) {
  TlsSetup setup;
  setup.config.upstreams[0].servers[0].pins = {setup.authority.issue().pin()};
  ShardRunner shard(setup.config);
  const auto explanation = explain(shard, "secret.example");
  EXPECT_THAT(text_of(explanation), HasSubstr("no pin matches the certificate's key (the SPKI of the server's "
                                              "certificate is not pinned)"));
  EXPECT_EQ(extended_error_of(explanation), "no pin matches the certificate's key at " + at(setup.server.tls_port()));
}

TEST(Explain, ConnectionsThatAreRefused) {
  // A port that was free a moment ago.
  const auto port = [] {
    const TlsSetup gone;
    return gone.server.tls_port();
  }();
  TlsSetup setup;
  setup.config.upstreams[0].servers[0].endpoint.port = port;
  setup.config.upstreams[0].timeout = 500ms;
  ShardRunner shard(setup.config);
  const auto explanation = explain(shard, "www.example");
  EXPECT_THAT(text_of(explanation), HasSubstr(at(port) + ": connection refused"));
  EXPECT_EQ(extended_error_of(explanation), "connection refused at " + at(port));
}

TEST(Explain, AServerThatSaysNothing) {
  TlsSetup setup;
  setup.config.upstreams[0].timeout = 500ms;
  setup.server.on_query({.name = "slow.example", .drop = true});
  ShardRunner shard(setup.config);
  const auto explanation = explain(shard, "slow.example");
  EXPECT_THAT(text_of(explanation), HasSubstr("gives up: 500 ms, the time limit of a query, has passed"));
  EXPECT_EQ(extended_error_of(explanation), "no answer in time at " + at(setup.server.tls_port()));
}

/// A fault of a server for one question, and its texts.
struct Deed {
  const char* name;
  QueryFault fault;
  std::string words;
  std::string extended_error;  ///< without the server's address; empty: Pillion adds no error
};
class ExplainDeed : public ::testing::TestWithParam<Deed> {};

TEST_P(ExplainDeed, IsNamed) {
  TlsSetup setup;
  setup.server.on_query(GetParam().fault);
  ShardRunner shard(setup.config);
  const auto explanation = explain(shard, "www.example");
  EXPECT_THAT(text_of(explanation), HasSubstr(GetParam().words));
  const auto& error = GetParam().extended_error;
  EXPECT_EQ(extended_error_of(explanation), error.empty() ? "" : error + " at " + at(setup.server.tls_port()));
}

INSTANTIATE_TEST_SUITE_P(
    All, ExplainDeed,
    ::testing::Values(
        Deed{"ClosesInMidAnswer",
             {.close = QueryFault::Close::before_answer},
             "connection closed by the server; sends the query again on another connection",
             "connection closed before the answer"},
        Deed{"Resets", {.close = QueryFault::Close::reset}, "connection reset", "connection closed before the answer"},
        Deed{"CutsItsReply", {.reply = QueryFault::Reply::cut_short}, "fails: malformed reply", "malformed reply"},
        Deed{"AnswersAnother",
             {.reply = QueryFault::Reply::wrong_question},
             "fails: reply does not match any question",
             "reply does not match any question"},
        Deed{"Servfail", {.rcode = dns::rcode::servfail}, "replies SERVFAIL", ""},
        Deed{"Refused", {.rcode = dns::rcode::refused}, "replies REFUSED", ""}),
    [](const auto& tested) { return tested.param.name; });

TEST(Explain, ADatagramThatIsTruncated) {
  test::DotServer server({.settings = {}, .tls = false, .plain = true});
  auto fault = QueryFault{.name = "www.example", .times = 1};
  fault.reply = QueryFault::Reply::truncated;
  server.on_query(fault);
  ShardRunner shard(make_config(config::Protocol::udp, {server.plain_port()}));
  const auto text = text_of(explain(shard, "www.example"));
  EXPECT_THAT(text, HasSubstr("has truncated the answer: asks again over TCP"));
  EXPECT_THAT(text, HasSubstr("sent to " + at(server.plain_port()) + " by tcp on a new connection"));
  EXPECT_THAT(text, HasSubstr("answer from cluster: NOERROR with 1 record"));
}

}  // namespace
}  // namespace pillion::app
