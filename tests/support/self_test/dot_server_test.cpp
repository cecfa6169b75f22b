// Tests the test server itself: a fault that does not happen would make the tests that use it meaningless.

#include "support/dot_server.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/dns_client.hpp"

namespace pillion::test {
namespace {

using namespace std::chrono_literals;
using Ending = StreamClient::Ending;
using Reply = QueryFault::Reply;
namespace type = dns::type;

class DotServerTest : public testing::Test {
 protected:
  StreamClient connect(TlsClientOptions options = {}) {
    options.ca_pem = authority.certificate_pem();
    options.name = "dot.example";
    return {server.address(), server.tls_port(), options};
  }
  void edit(const std::function<void(ConnectionManners&)>& change) {
    server.change([&](ServerSettings& settings) { change(settings.connections); });
  }
  static std::optional<dns::Buffer> ask(StreamClient& client, std::string_view name, std::uint16_t id = 1) {
    client.send_message(make_query(name, type::a, {.id = id}));
    return client.receive();
  }

  CertificateAuthority authority;
  DotServer server{{.settings = {.identity = authority.issue()}, .plain = true}};
};

TEST_F(DotServerTest, AnswersOverEveryTransport) {
  auto tls = connect();
  StreamClient tcp(server.address(), server.plain_port());
  UdpClient udp(server.address(), server.plain_port());
  const auto query = make_query("www.example", type::a);
  tls.send_message(query);
  tcp.send_message(query);
  udp.send(query);
  const auto by_tls = tls.receive();
  ASSERT_TRUE(by_tls);
  EXPECT_EQ(answers_of(*by_tls), 1);
  EXPECT_EQ(by_tls, tcp.receive());
  EXPECT_EQ(by_tls, udp.receive());
  const auto seen = server.counters();
  EXPECT_EQ(std::tuple(seen.tls_queries, seen.tcp_queries, seen.udp_queries), std::tuple(1U, 1U, 1U));
  EXPECT_EQ(seen.last_server_name, "dot.example");
  EXPECT_EQ(seen.last_alpn_offer, "dot");
  EXPECT_EQ(seen.last_tls_version, TLS1_3_VERSION);
}

TEST_F(DotServerTest, CountsQueriesOfARecord) {
  auto client = connect();
  dns::Buffer three;
  for (std::uint16_t id = 1; id <= 3; ++id) dns::append(three, framed(make_query("x.example", type::a, {.id = id})));
  client.send(three);
  for (std::uint16_t id = 1; id <= 3; ++id) EXPECT_EQ(id_of(client.receive().value()), id);
  EXPECT_EQ(client.reads(), 1U) << "the answers to one read leave in one record";
  const auto records = server.records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].messages, 3U);
  EXPECT_EQ(records[0].size, three.size());
}

TEST_F(DotServerTest, PadsAndEchoesKeepalive) {
  server.change([](ServerSettings& settings) { settings.answers.keepalive = 50; });
  auto client = connect();
  client.send_message(make_query("x.example", type::a, {.keepalive = true, .padding = 20}));
  const auto answer = client.receive().value();
  EXPECT_EQ(answer.size(), 468U);
  const std::vector<std::uint8_t> option{0, 11, 0, 2, 0, 50};
  EXPECT_NE(std::search(answer.begin(), answer.end(), option.begin(), option.end()), answer.end());
}

TEST_F(DotServerTest, DelaysOneQueryOnly) {
  server.on_query({.name = "slow.example", .delay = 50ms});
  auto client = connect();
  client.send_message(make_query("slow.example", type::a, {.id = 1}));
  client.send_message(make_query("quick.example", type::a, {.id = 2}));
  EXPECT_EQ(id_of(client.receive().value()), 2);
  EXPECT_EQ(id_of(client.receive().value()), 1);
}

TEST_F(DotServerTest, HoldsUntilReleased) {
  server.on_query({.name = "held*", .hold = true});
  auto client = connect();
  for (std::uint16_t id = 1; id <= 3; ++id) client.send_message(make_query("held.example", type::a, {.id = id}));
  EXPECT_EQ(id_of(ask(client, "other.example", 9).value()), 9);
  EXPECT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 3; }));
  server.release(true);
  for (std::uint16_t id = 3; id >= 1; --id) EXPECT_EQ(id_of(client.receive().value()), id);
}

TEST_F(DotServerTest, ReversesABatch) {
  edit([](ConnectionManners& manners) { manners.reverse = true; });
  auto client = connect();
  dns::Buffer two = framed(make_query("a.example", type::a, {.id = 1}));
  dns::append(two, framed(make_query("b.example", type::a, {.id = 2})));
  client.send(two);
  EXPECT_EQ(id_of(client.receive().value()), 2);
  EXPECT_EQ(id_of(client.receive().value()), 1);
}

TEST_F(DotServerTest, CutsRecordsAndSegments) {
  edit([](ConnectionManners& manners) { manners.record_size = 1; });
  auto client = connect();
  const auto answer = ask(client, "x.example").value();
  EXPECT_EQ(client.reads(), answer.size() + 2);
  edit([](ConnectionManners& manners) {
    manners.record_size = 0;
    manners.segment_size = 3;
  });
  EXPECT_EQ(ask(client, "x.example"), answer);
  StreamClient plain(server.address(), server.plain_port());
  edit([](ConnectionManners& manners) { manners.segment_size = 10; });
  EXPECT_EQ(ask(plain, "x.example"), answer);
}

TEST_F(DotServerTest, DropsAndAnswersTwice) {
  server.on_query({.name = "lost.example", .drop = true});
  server.on_query({.name = "twice.example", .twice = true});
  auto client = connect();
  client.send_message(make_query("lost.example", type::a, {.id = 1}));
  EXPECT_EQ(id_of(ask(client, "twice.example", 2).value()), 2);
  EXPECT_EQ(id_of(client.receive().value()), 2);
}

TEST_F(DotServerTest, UsesAFaultOnlySoManyTimes) {
  server.on_query({.name = "*", .times = 1, .rcode = dns::rcode::servfail});
  auto client = connect();
  EXPECT_EQ(rcode_of(ask(client, "x.example").value()), dns::rcode::servfail);
  EXPECT_EQ(rcode_of(ask(client, "x.example").value()), dns::rcode::noerror);
}

TEST_F(DotServerTest, ClosesAsTold) {
  server.on_query({.name = "reset.example", .close = QueryFault::Close::reset});
  server.on_query({.name = "before.example", .close = QueryFault::Close::before_answer});
  server.on_query({.name = "after.example", .close = QueryFault::Close::after_answer});
  auto reset = connect();
  EXPECT_FALSE(ask(reset, "reset.example"));
  EXPECT_EQ(reset.ending(), Ending::reset);
  auto before = connect();
  EXPECT_FALSE(ask(before, "before.example"));
  EXPECT_EQ(before.ending(), Ending::close_notify);
  auto after = connect();
  EXPECT_TRUE(ask(after, "after.example"));
  EXPECT_EQ(after.drain(), Ending::close_notify);
}

TEST_F(DotServerTest, ClosesAfterSoManyAnswers) {
  edit([](ConnectionManners& manners) { manners.close_after_answers = 1; });
  auto client = connect();
  dns::Buffer two = framed(make_query("a.example", type::a, {.id = 1}));
  dns::append(two, framed(make_query("b.example", type::a, {.id = 2})));
  client.send(two);
  EXPECT_EQ(id_of(client.receive().value()), 1);
  EXPECT_FALSE(client.receive());
  EXPECT_EQ(client.ending(), Ending::close_notify);
}

TEST_F(DotServerTest, WithholdsCloseNotify) {
  edit([](ConnectionManners& manners) {
    manners.close_after_answers = 1;
    manners.send_close_notify = false;
  });
  auto client = connect();
  EXPECT_TRUE(ask(client, "x.example"));
  EXPECT_EQ(client.drain(), Ending::end_of_stream);
}

TEST_F(DotServerTest, ClosesWhenIdle) {
  edit([](ConnectionManners& manners) { manners.idle_timeout = 30ms; });
  auto client = connect();
  EXPECT_TRUE(ask(client, "x.example"));
  EXPECT_EQ(client.drain(), Ending::close_notify);
}

TEST_F(DotServerTest, StallsAndGoesOn) {
  edit([](ConnectionManners& manners) { manners.stall_after_queries = 1; });
  auto client = connect();
  EXPECT_TRUE(ask(client, "a.example"));
  client.send_message(make_query("b.example", type::a, {.id = 2}));
  EXPECT_FALSE(client.receive(50ms));
  edit([](ConnectionManners& manners) { manners.stall_after_queries = unlimited; });
  EXPECT_EQ(id_of(client.receive().value()), 2);
}

TEST_F(DotServerTest, LimitsWhatIsInFlight) {
  edit([](ConnectionManners& manners) { manners.max_in_flight = 2; });
  server.on_query({.hold = true});
  auto client = connect();
  dns::Buffer all;
  for (std::uint16_t id = 1; id <= 5; ++id) dns::append(all, framed(make_query("x.example", type::a, {.id = id})));
  client.send(all);
  EXPECT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 2; }));
  EXPECT_EQ(server.counters().queries, 2U);
  std::set<std::uint16_t> ids;
  while (ids.size() < 5) {
    server.release();
    if (const auto answer = client.receive()) ids.insert(id_of(*answer));
    if (client.ending() != Ending::open) break;
  }
  EXPECT_EQ(ids.size(), 5U);
}

TEST_F(DotServerTest, SpoilsReplies) {
  auto client = connect();
  const auto good = ask(client, "www.example").value();
  const auto spoilt = [&](Reply reply) {
    server.clear_faults();
    server.on_query({.reply = reply});
    return ask(client, "www.example").value();
  };
  EXPECT_NE(id_of(spoilt(Reply::wrong_id)), id_of(good));
  for (const auto reply : {Reply::wrong_question, Reply::wrong_type}) {
    const auto answer = spoilt(reply);
    EXPECT_EQ(answer.size(), good.size());
    EXPECT_NE(answer, good);
    EXPECT_EQ(id_of(answer), id_of(good));
  }
  EXPECT_EQ(spoilt(Reply::no_question).size(), dns::header_size);
  EXPECT_EQ(dns::read_u16(spoilt(Reply::query), 2) & dns::flag::qr, 0);
  EXPECT_NE(id_of(spoilt(Reply::garbage)), id_of(good));
  EXPECT_EQ(spoilt(Reply::cut_short).size(), good.size() - 2);
  EXPECT_EQ(spoilt(Reply::trailing_bytes).size(), good.size() + 2);
  EXPECT_EQ(dns::read_u16(spoilt(Reply::two_opts), 10), 2);
  EXPECT_TRUE(is_truncated(spoilt(Reply::truncated)));
  EXPECT_TRUE(spoilt(Reply::empty).empty());
}

TEST_F(DotServerTest, TruncatesOverUdp) {
  UdpClient client(server.address(), server.plain_port());
  client.send(make_query("txt600.example", type::txt));
  const auto cut = client.receive().value();
  EXPECT_TRUE(is_truncated(cut));
  EXPECT_EQ(answers_of(cut), 0);
  client.send(make_query("txt600.example", type::txt, {.edns = true}));
  EXPECT_FALSE(is_truncated(client.receive().value()));
}

TEST_F(DotServerTest, PresentsBadCertificates) {
  const auto refused = [&](const Identity& identity) {
    server.change([&](ServerSettings& settings) { settings.identity = identity; });
    EXPECT_THROW(connect(), std::runtime_error);
  };
  refused(authority.issue({.not_after = -1min}));
  refused(authority.issue({.not_before = 1h}));
  refused(authority.issue({.dns_names = {"other.example"}}));
  refused(self_signed());
  refused(CertificateAuthority("Another CA").issue());
  refused(authority.issue({.purpose = CertificateOptions::Purpose::client}));
  EXPECT_TRUE(server.wait_for([](const Counters& seen) { return seen.failed_handshakes == 6; }));
  server.change([&](ServerSettings& settings) { settings.identity = authority.intermediate("Middle").issue(); });
  auto client = connect();
  EXPECT_TRUE(ask(client, "x.example"));
}

TEST_F(DotServerTest, GrantsAndRefusesResumption) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto first = connect({.max_version = version});
    EXPECT_TRUE(ask(first, "x.example"));
    const auto session = first.session();
    const auto resumed = [&] {
      auto client = connect({.session = session.get(), .max_version = version});
      EXPECT_TRUE(ask(client, "x.example"));
      return SSL_session_reused(client.ssl()) == 1;
    };
    EXPECT_TRUE(resumed());
    server.change([](ServerSettings& settings) { settings.connections.reverse = true; });
    EXPECT_TRUE(resumed()) << "other settings leave the ticket keys alone";
    server.refuse_old_tickets();
    EXPECT_FALSE(resumed());
  }
  EXPECT_EQ(server.counters().resumed_handshakes, 4U);
  server.change([](ServerSettings& settings) { settings.tls.tickets = false; });
  auto client = connect();
  EXPECT_TRUE(ask(client, "x.example"));
  EXPECT_EQ(SSL_SESSION_is_resumable(client.session().get()), 0);
}

TEST_F(DotServerTest, ChoosesAlpnAndVersions) {
  const auto chosen = [&](TlsManners::Alpn alpn) {
    server.change([&](ServerSettings& settings) { settings.tls.alpn = alpn; });
    const auto client = connect();
    const unsigned char* protocol = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(client.ssl(), &protocol, &size);
    return std::string(reinterpret_cast<const char*>(protocol), size);
  };
  EXPECT_EQ(chosen(TlsManners::Alpn::dot), "dot");
  EXPECT_EQ(chosen(TlsManners::Alpn::none), "");
  EXPECT_THROW(chosen(TlsManners::Alpn::other), std::runtime_error) << "OpenSSL's client refuses what it did not offer";
  EXPECT_THROW(chosen(TlsManners::Alpn::refuse), std::runtime_error);
  server.change([](ServerSettings& settings) { settings.tls = {.min_version = TLS1_3_VERSION}; });
  EXPECT_THROW(connect({.max_version = TLS1_2_VERSION}), std::runtime_error);
  server.change([](ServerSettings& settings) { settings.tls = {.max_version = TLS1_2_VERSION}; });
  EXPECT_EQ(SSL_version(connect().ssl()), TLS1_2_VERSION);
}

TEST_F(DotServerTest, RequiresAClientCertificate) {
  server.change([&](ServerSettings& settings) { settings.tls.client_ca = authority.certificate_pem(); });
  auto client = connect();  // with TLS 1.3 the first read of the client fails
  EXPECT_FALSE(ask(client, "x.example"));
  EXPECT_TRUE(server.wait_for([](const Counters& seen) { return seen.failed_handshakes == 1; }));
}

TEST_F(DotServerTest, CountsHowClientsClose) {
  auto clean = connect();
  EXPECT_TRUE(ask(clean, "x.example"));
  clean.finish_sending();
  EXPECT_EQ(clean.drain(), Ending::close_notify);
  auto unclean = connect();
  EXPECT_TRUE(ask(unclean, "x.example"));
  unclean.close();
  EXPECT_TRUE(
      server.wait_for([](const Counters& seen) { return seen.close_notifies == 1 && seen.unclean_closes == 1; }));
  StreamClient half_closed(server.address(), server.plain_port());
  server.on_query({.hold = true});
  half_closed.send_message(make_query("x.example", type::a));
  half_closed.finish_sending();
  EXPECT_TRUE(server.wait_for([](const Counters& seen) { return seen.held == 1; }));
  server.release();
  EXPECT_TRUE(half_closed.receive());
  EXPECT_EQ(half_closed.drain(), Ending::end_of_stream);
  clean.close();
  half_closed.close();
  EXPECT_TRUE(server.wait_for([](const Counters& seen) { return seen.open_connections == 0; }));
}

TEST_F(DotServerTest, StopsAndStartsListening) {
  auto client = connect();
  server.stop_listening();
  EXPECT_THROW(connect(), std::system_error);
  EXPECT_TRUE(ask(client, "x.example"));
  server.close_connections(DotServer::Ending::reset);
  EXPECT_EQ(client.drain(), Ending::reset);
  server.listen_again();
  auto again = connect();
  EXPECT_TRUE(ask(again, "x.example"));
  server.close_connections();
  EXPECT_EQ(again.drain(), Ending::close_notify);
}

TEST_F(DotServerTest, NeverFinishesAHandshake) {
  edit([](ConnectionManners& manners) { manners.finish_handshake = false; });
  StreamClient client(server.address(), server.tls_port());
  const std::vector<std::uint8_t> hello{22, 3, 1, 0, 1, 0};
  client.send(hello);
  EXPECT_FALSE(client.receive(20ms));
  EXPECT_EQ(client.ending(), Ending::timeout);
}

TEST_F(DotServerTest, ClosesAfterAMalformedQuery) {
  auto client = connect();
  client.send_message(dns::Buffer{1, 2, 3});
  EXPECT_EQ(client.drain(), Ending::close_notify);
  EXPECT_EQ(server.counters().malformed_queries, 1U);
}

TEST(DotServer, ListensOnIpv6) {
  DotServer server({.settings = {}, .address = "::1", .tls = false, .plain = true});
  EXPECT_TRUE(server.plain_endpoint().starts_with("[::1]:"));
  StreamClient client(server.address(), server.plain_port());
  client.send_message(make_query("x.example", type::aaaa));
  EXPECT_TRUE(client.receive());
}

TEST(Identity, HasTheCertificatesPin) {
  const CertificateAuthority authority;
  const auto identity = authority.issue();
  EXPECT_TRUE(identity.pin().starts_with("sha256/"));
  EXPECT_EQ(identity.pin().size(), std::string("sha256/").size() + 44);
  EXPECT_NE(identity.pin(), authority.issue().pin());
}

}  // namespace
}  // namespace pillion::test
