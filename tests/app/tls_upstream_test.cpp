// The TLS side of the data path against a real TLS server: verification, the data sent, and sessions.

#include <array>
#include <set>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"
#include "config/tls_groups.hpp"
#include "server/turn_work.hpp"
#include "upstream/group_fallback.hpp"
#include "upstream/tls_context.hpp"
#include "upstream/tls_identity.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;
using test::CertificateOptions;
using test::Counters;
using testing::ask;
using testing::eventually;
using testing::receive_many;
using testing::send_many;
using testing::ShardRunner;
using testing::TlsSetup;
using upstream::Error;

TEST(TlsUpstream, AnswersOverAVerifiedConnection) {
  TlsSetup setup;
  const ShardRunner shard(setup.config);
  const auto seen = ask(shard, "www.example");
  EXPECT_EQ(seen.rcode, dns::rcode::noerror);
  EXPECT_EQ(seen.answers, 1);
  const auto counters = setup.server.counters();
  EXPECT_EQ(counters.last_server_name, "dot.example");
  EXPECT_EQ(counters.last_alpn_offer, "dot");
  EXPECT_EQ(counters.last_tls_version, TLS1_3_VERSION);
  EXPECT_EQ(shard.upstream().handshakes_full.value(), 1U);
  EXPECT_EQ(shard.upstream().plaintext_queries.value(), 0U);
  EXPECT_EQ(shard.all_failures(), 0U);
  const auto in_29_days =
      std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + std::chrono::hours(24 * 29));
  EXPECT_GT(shard.upstream().certificate_not_after.value(), static_cast<double>(in_29_days));
}

TEST(TlsUpstream, ConnectsBeforeTheFirstQuery) {
  TlsSetup setup;
  const ShardRunner shard(setup.config);
  EXPECT_TRUE(setup.server.wait_for([](const Counters& seen) { return seen.handshakes == 1; }));
  EXPECT_EQ(setup.server.counters().queries, 0U);
}

TEST(TlsUpstream, SpeaksTls12) {
  TlsSetup setup;
  setup.server.change([](test::ServerSettings& settings) { settings.tls.max_version = TLS1_2_VERSION; });
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
  EXPECT_EQ(setup.server.counters().last_tls_version, TLS1_2_VERSION);
}

TEST(TlsUpstream, RefusesTls12WhereTls13IsAsked) {
  TlsSetup setup;
  setup.server.change([](test::ServerSettings& settings) { settings.tls.max_version = TLS1_2_VERSION; });
  setup.config.upstreams[0].tls.min_version = config::TlsVersion::tls1_3;
  setup.config.upstreams[0].timeout = 500ms;
  const ShardRunner shard(setup.config);
  const auto seen = ask(shard, "www.example");
  EXPECT_EQ(seen.rcode, dns::rcode::servfail);
  EXPECT_EQ(seen.extended_error, "TLS handshake failed at 127.0.0.1:" + std::to_string(setup.server.tls_port()));
  EXPECT_EQ(setup.server.counters().queries, 0U);
}

/// A certificate that must be refused, and the error that the client gets.
struct BadCertificate {
  const char* name;
  Error error;
  test::Identity (*identity)(const test::CertificateAuthority&);
};
class TlsBadCertificate : public ::testing::TestWithParam<BadCertificate> {};

TEST_P(TlsBadCertificate, IsRefusedWithItsReason) {
  TlsSetup setup;
  const auto identity = GetParam().identity(setup.authority);
  setup.server.change([&](test::ServerSettings& settings) { settings.identity = identity; });
  const ShardRunner shard(setup.config);
  const auto seen = ask(shard, "secret.example");
  const auto& traits = upstream::traits(GetParam().error);
  EXPECT_EQ(seen.rcode, dns::rcode::servfail);
  EXPECT_EQ(seen.extended_error, std::string(traits.text) + " at 127.0.0.1:" + std::to_string(setup.server.tls_port()));
  EXPECT_GE(shard.failures(GetParam().error), 1U);
  EXPECT_EQ(shard.failures(GetParam().error), shard.all_failures());
  EXPECT_GE(shard.upstream().handshakes_failed.value(), 1U);
  EXPECT_EQ(shard.upstream().up.value(), 0);
  EXPECT_TRUE(shard.log().has({"upstream failed", "reason=" + std::string(traits.reason)}));
  EXPECT_EQ(setup.server.counters().queries, 0U) << "nothing is asked of a server that is not verified";
}

INSTANTIATE_TEST_SUITE_P(
    All, TlsBadCertificate,
    ::testing::Values(
        BadCertificate{"Expired", Error::certificate_expired,
                       [](const test::CertificateAuthority& ca) {
                         return ca.issue({.not_before = std::chrono::days(-2), .not_after = std::chrono::days(-1)});
                       }},
        BadCertificate{
            "NotYetValid", Error::certificate_expired,
            [](const test::CertificateAuthority& ca) { return ca.issue({.not_before = std::chrono::days(1)}); }},
        BadCertificate{"AnotherName", Error::certificate_name,
                       [](const test::CertificateAuthority& ca) { return ca.issue({.dns_names = {"other.example"}}); }},
        BadCertificate{"TheNameInTheSubjectOnly", Error::certificate_name,
                       [](const test::CertificateAuthority& ca) {
                         return ca.issue({.common_name = "dot.example", .dns_names = {}});
                       }},
        BadCertificate{"APartOfALabelAsWildcard", Error::certificate_name,
                       [](const test::CertificateAuthority& ca) { return ca.issue({.dns_names = {"d*.example"}}); }},
        BadCertificate{"AnAddressForAName", Error::certificate_name,
                       [](const test::CertificateAuthority& ca) {
                         return ca.issue({.dns_names = {}, .addresses = {"127.0.0.1"}});
                       }},
        BadCertificate{"SelfSigned", Error::certificate_untrusted,
                       [](const test::CertificateAuthority&) { return test::self_signed(); }},
        BadCertificate{
            "AnotherAuthority", Error::certificate_untrusted,
            [](const test::CertificateAuthority&) { return test::CertificateAuthority("Stranger").issue(); }},
        BadCertificate{"WithoutItsIntermediate", Error::certificate_untrusted,
                       [](const test::CertificateAuthority& ca) {
                         const auto whole = ca.intermediate("Intermediate").issue();
                         EVP_PKEY_up_ref(whole.key());
                         X509_up_ref(whole.certificate());
                         return test::Identity(test::KeyPointer(whole.key(), EVP_PKEY_free),
                                               test::X509Pointer(whole.certificate(), X509_free), {});
                       }},
        BadCertificate{"AClientsCertificate", Error::certificate_invalid,
                       [](const test::CertificateAuthority& ca) {
                         return ca.issue({.purpose = CertificateOptions::Purpose::client});
                       }}),
    [](const auto& tested) { return tested.param.name; });

TEST(TlsUpstream, AcceptsAnIntermediate) {
  TlsSetup setup;
  const auto identity = setup.authority.intermediate("Intermediate").issue();
  setup.server.change([&](test::ServerSettings& settings) { settings.identity = identity; });
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
}

TEST(TlsUpstream, VerifiesTheAddressWhereThereIsNoName) {
  TlsSetup setup(CertificateOptions{.dns_names = {}, .addresses = {"127.0.0.1"}});
  setup.config.upstreams[0].servers[0].tls_name.clear();
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
  EXPECT_EQ(setup.server.counters().last_server_name, "") << "SNI carries no addresses (RFC 6066 section 3)";
}

TEST(TlsUpstream, RefusesAnotherAddress) {
  TlsSetup setup(CertificateOptions{.dns_names = {"127.0.0.1"}, .addresses = {"127.0.0.2"}});
  setup.config.upstreams[0].servers[0].tls_name.clear();
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "www.example").extended_error.find("certificate name mismatch at"), 0U);
}

TEST(TlsUpstream, AcceptsAServerWithoutAlpn) {
  TlsSetup setup;
  setup.server.change([](test::ServerSettings& settings) { settings.tls.alpn = test::TlsManners::Alpn::none; });
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
}

TEST(TlsUpstream, RefusesAServerThatWantsNoDot) {
  TlsSetup setup;
  setup.server.change([](test::ServerSettings& settings) { settings.tls.alpn = test::TlsManners::Alpn::refuse; });
  setup.config.upstreams[0].timeout = 500ms;
  const ShardRunner shard(setup.config);
  const auto seen = ask(shard, "www.example");
  EXPECT_EQ(seen.rcode, dns::rcode::servfail);
  EXPECT_EQ(seen.extended_error, "ALPN protocol is not dot at 127.0.0.1:" + std::to_string(setup.server.tls_port()));
  EXPECT_GE(shard.failures(Error::alpn_mismatch), 1U);
  EXPECT_EQ(shard.failures(Error::alpn_mismatch), shard.all_failures());
  EXPECT_TRUE(shard.log().has({"upstream failed", "the server sent the alert \"no application protocol\""}));
  EXPECT_EQ(setup.server.counters().queries, 0U);
}

class TlsPins : public ::testing::Test {
 protected:
  void expect_mismatch(const ShardRunner& shard, std::string_view name) {
    const auto seen = ask(shard, name);
    EXPECT_EQ(seen.rcode, dns::rcode::servfail);
    EXPECT_EQ(seen.extended_error.find("no pin matches the certificate's key at"), 0U) << seen.extended_error;
    EXPECT_GE(shard.failures(Error::pin_mismatch), 1U);
  }
  TlsSetup setup;
  std::vector<std::string>& pins = setup.config.upstreams[0].servers[0].pins;
};

TEST_F(TlsPins, OneThatMatchesIsEnough) {
  const auto identity = setup.authority.issue();
  setup.server.change([&](test::ServerSettings& settings) { settings.identity = identity; });
  pins = {setup.authority.issue().pin(), identity.pin()};
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
}

TEST_F(TlsPins, NoneThatMatchesIsRefused) {
  pins = {setup.authority.issue().pin()};
  const ShardRunner shard(setup.config);
  expect_mismatch(shard, "secret.example");
  EXPECT_EQ(setup.server.counters().queries, 0U);
}

TEST_F(TlsPins, DoNotReplaceTheVerification) {
  const auto identity = test::self_signed();
  setup.server.change([&](test::ServerSettings& settings) { settings.identity = identity; });
  pins = {identity.pin()};
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "secret.example").extended_error.find("certificate not signed by a trusted CA"), 0U);
}

TEST_F(TlsPins, HoldOnResumedSessions) {
  const auto identity = setup.authority.issue();
  setup.server.change([&](test::ServerSettings& settings) { settings.identity = identity; });
  pins = {identity.pin()};
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "first.example").answers, 1);
  setup.server.close_connections();
  EXPECT_TRUE(setup.server.wait_for([](const Counters& seen) { return seen.resumed_handshakes == 1; }));
  EXPECT_EQ(ask(shard, "second.example").answers, 1);
  EXPECT_EQ(shard.all_failures(), 0U);
}

/// OpenSSL does not repeat some checks when a session is resumed, so that Pillion makes them: here for a session that
/// was made without pins.
TEST_F(TlsPins, AreCheckedOnASessionThatIsResumed) {
  config::Server pinned = setup.config.upstreams[0].servers[0];
  pinned.pins = {setup.authority.issue().pin()};
  upstream::TlsContext context(setup.config.upstreams[0].tls);
  upstream::TlsIdentity free_identity(setup.config.upstreams[0].servers[0]);
  upstream::TlsIdentity pinned_identity(pinned);
  const auto connect = [&](upstream::TlsIdentity& identity, SSL_SESSION* session) {
    const auto socket =
        test::connect_socket(test::SocketAddress::of("127.0.0.1", setup.server.tls_port()), SOCK_STREAM);
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.native().native_handle()), SSL_free);
    EXPECT_EQ(identity.prepare(ssl.get(), context, runtime::Time{}).value(), upstream::Groups::all);
    if (session != nullptr) SSL_set_session(ssl.get(), session);
    SSL_set_fd(ssl.get(), socket.get());
    EXPECT_EQ(SSL_connect(ssl.get()), 1);
    const auto facts = identity.check(ssl.get());
    EXPECT_EQ(SSL_session_reused(ssl.get()) == 1, session != nullptr);
    // TLS 1.3 sends the ticket after the handshake, with an answer.
    const auto query = test::framed(test::make_query("www.example", dns::type::a));
    std::array<std::uint8_t, 512> answer{};
    EXPECT_GT(SSL_write(ssl.get(), query.data(), static_cast<int>(query.size())), 0);
    EXPECT_GT(SSL_read(ssl.get(), answer.data(), static_cast<int>(answer.size())), 0);
    std::shared_ptr<SSL_SESSION> kept(SSL_get1_session(ssl.get()), SSL_SESSION_free);
    SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    return std::pair(facts, kept);
  };
  const auto [first, session] = connect(free_identity, nullptr);
  EXPECT_TRUE(first && !first->resumed);
  const auto second = connect(pinned_identity, session.get()).first;
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().error, Error::pin_mismatch);
}

TEST(TlsUpstream, ShowsItsCertificateWhereOneIsRequired) {
  TlsSetup setup;
  const test::CertificateAuthority clients("Clients");
  const auto identity =
      clients.issue({.common_name = "pod", .dns_names = {"pod"}, .purpose = CertificateOptions::Purpose::client});
  setup.server.change([&](test::ServerSettings& settings) { settings.tls.client_ca = clients.certificate_pem(); });
  auto& tls = setup.config.upstreams[0].tls;
  setup.config.upstreams[0].timeout = 500ms;
  {
    const ShardRunner without(setup.config);
    EXPECT_EQ(ask(without, "www.example").rcode, dns::rcode::servfail);
    EXPECT_EQ(setup.server.counters().queries, 0U);
  }
  tls.client_cert = setup.directory.write("client.pem", identity.certificate_pem());
  tls.client_key = setup.directory.write("client.key", identity.key_pem());
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "www.example").answers, 1);
}

TEST(TlsIdentity, OfANameThatCannotBeVerifiedDoesNotStart) {
  const config::Server scoped{.endpoint = {"fe80::1%eth0", 853}, .tls_name = {}, .pins = {}};
  try {
    const upstream::TlsIdentity identity(scoped);
    FAIL() << "certificates would be verified for nobody";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), std::string("certificates cannot be verified for fe80::1%eth0: OpenSSL gives no reason"));
  }
  EXPECT_NO_THROW(upstream::TlsIdentity({.endpoint = {"fe80::1", 853}, .tls_name = {}, .pins = {}}));
}

TEST(TlsIdentity, FailsAConnectionThatItCannotPrepare) {
  TlsSetup setup;
  upstream::TlsContext context(setup.config.upstreams[0].tls);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.native().native_handle()), SSL_free);
  // SNI has room for 255 bytes.
  upstream::TlsIdentity identity({.endpoint = {"127.0.0.1", 853}, .tls_name = std::string(256, 'a'), .pins = {}});
  const auto prepared = identity.prepare(ssl.get(), context, runtime::Time{});
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().error, Error::tls_failed);
  EXPECT_EQ(prepared.error().detail.find("SNI cannot be set: "), 0U) << prepared.error().detail;
}

TEST(TlsContext, FallsBackOnlyWhereThereAreGroupsOfBothKinds) {
  const test::TemporaryDirectory directory;
  config::Tls settings{.ca_file = directory.write("ca.pem", test::CertificateAuthority().certificate_pem()),
                       .client_cert = {},
                       .client_key = {}};
  const auto classical_groups_of = [&](std::vector<std::string> groups) {
    settings.groups = std::move(groups);
    return upstream::TlsContext(settings).classical_groups();
  };
  EXPECT_EQ(classical_groups_of({"P-256", "X25519"}), "");
  if (!config::check_tls_group("X25519MLKEM768", {}).empty()) GTEST_SKIP() << "this OpenSSL has no post-quantum group";
  EXPECT_EQ(classical_groups_of({}), "X25519:P-256:P-384:P-521");
  EXPECT_EQ(classical_groups_of({"P-256", "X25519MLKEM768", "X25519"}), "P-256:X25519");
  EXPECT_EQ(classical_groups_of({"X25519MLKEM768"}), "");
}

TEST(TlsContext, NamesTheFileThatCannotBeUsed) {
  const test::TemporaryDirectory directory;
  const auto message_of = [](const config::Tls& settings) -> std::string {
    try {
      const upstream::TlsContext context(settings);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return {};
  };
  const auto garbage = directory.write("garbage.pem", "not a certificate");
  EXPECT_NE(message_of({.ca_file = "/nowhere/ca.pem", .client_cert = {}, .client_key = {}}).find("/nowhere/ca.pem"),
            std::string::npos);
  EXPECT_NE(message_of({.ca_file = garbage, .client_cert = {}, .client_key = {}}).find(garbage), std::string::npos);
  const test::CertificateAuthority authority;
  const auto ca = directory.write("ca.pem", authority.certificate_pem());
  const auto identity = authority.issue();
  const auto certificate = directory.write("client.pem", identity.certificate_pem());
  const auto other_key = directory.write("other.key", authority.issue().key_pem());
  EXPECT_NE(message_of({.ca_file = ca, .client_cert = garbage, .client_key = other_key}).find(garbage),
            std::string::npos);
  EXPECT_NE(message_of({.ca_file = ca, .client_cert = certificate, .client_key = other_key}).find(other_key),
            std::string::npos);
  EXPECT_EQ(
      message_of(
          {.ca_file = ca, .client_cert = certificate, .client_key = directory.write("client.key", identity.key_pem())}),
      "");
}

TEST(TlsUpstream, ResumesItsSession) {
  TlsSetup setup;
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "first.example").answers, 1);
  setup.server.close_connections();
  EXPECT_EQ(ask(shard, "second.example").answers, 1);
  EXPECT_TRUE(eventually([&] { return shard.upstream().handshakes_resumed.value() >= 1; }));
  EXPECT_EQ(shard.upstream().handshakes_full.value(), 1U);
  EXPECT_EQ(setup.server.counters().resumed_handshakes, shard.upstream().handshakes_resumed.value());
  EXPECT_EQ(shard.all_failures(), 0U);
}

TEST(TlsUpstream, MakesAFullHandshakeWhereTheTicketIsRefused) {
  TlsSetup setup;
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "first.example").answers, 1);
  setup.server.refuse_old_tickets();
  setup.server.close_connections();
  EXPECT_EQ(ask(shard, "second.example").answers, 1);
  EXPECT_TRUE(eventually([&] { return shard.upstream().handshakes_full.value() == 2; }));
  EXPECT_EQ(shard.all_failures(), 0U);
}

TEST(TlsUpstream, AllQueriesOfATurnLeaveInOneRecord) {
  TlsSetup setup;
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "warm.example").answers, 1);
  auto client = shard.connect();
  // A turn has always time for these.
  constexpr std::size_t count = server::TurnWork::modest_queries;
  send_many(client, count);
  EXPECT_EQ(receive_many(client, count).size(), count);
  const auto records = setup.server.records();
  ASSERT_EQ(records.size(), 2U) << "the first question's, and one for all";
  EXPECT_EQ(records[1].messages, count);
  EXPECT_EQ(setup.server.counters().connections, 1U);
}

TEST(TlsUpstream, PadsSoThatNamesOfAnyLengthLookAlike) {
  TlsSetup setup;
  const ShardRunner shard(setup.config);
  std::set<std::size_t> sizes;
  for (const auto* const name : {"a.example", "a-name-that-is-a-good-deal-longer.example", "x.y.z.example"}) {
    EXPECT_EQ(ask(shard, name).answers, 1);
  }
  const auto records = setup.server.records();
  ASSERT_EQ(records.size(), 3U);
  for (const auto& record : records) EXPECT_EQ(record.size, 2 + 128U);
}

TEST(TlsUpstream, UsesTheBlockSizeOfTheConfiguration) {
  TlsSetup setup;
  setup.config.upstreams[0].padding = 300;
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "a.example").answers, 1);
  EXPECT_EQ(setup.server.records().at(0).size, 2 + 300U);
}

TEST(TlsUpstream, RemovesTheClientsSubnetAndOptions) {
  TlsSetup setup;
  const ShardRunner shard(setup.config);
  auto client = shard.connect();
  client.send_message(test::make_query("a.example", dns::type::a, {.dnssec_ok = true, .client_subnet = true}));
  ASSERT_TRUE(client.receive());
  const auto queries = setup.server.queries();
  const auto parsed = test::parse_query(queries.at(0).message);
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->client_subnet);
  EXPECT_TRUE(parsed->padded);
  EXPECT_TRUE(parsed->keepalive);
  EXPECT_TRUE(parsed->dnssec_ok);
}

TEST(TlsUpstream, ClosesFirstWhereTheServerSaysItsIdleTimeout) {
  TlsSetup setup;
  setup.server.change([](test::ServerSettings& settings) { settings.answers.keepalive = 2; });  // 200 ms
  const ShardRunner shard(setup.config);
  EXPECT_EQ(ask(shard, "a.example").answers, 1);
  EXPECT_TRUE(setup.server.wait_for([](const Counters& seen) { return seen.close_notifies == 1; }));
  EXPECT_EQ(ask(shard, "b.example").answers, 1);
  EXPECT_EQ(shard.all_failures(), 0U);
  EXPECT_EQ(setup.server.counters().unclean_closes, 0U);
}

TEST(TlsUpstream, EndsWithCloseNotify) {
  TlsSetup setup;
  {
    const ShardRunner shard(setup.config);
    EXPECT_EQ(ask(shard, "a.example").answers, 1);
  }
  EXPECT_TRUE(setup.server.wait_for([](const Counters& seen) { return seen.open_connections == 0; }));
  const auto seen = setup.server.counters();
  EXPECT_EQ(seen.close_notifies, 1U);
  EXPECT_EQ(seen.unclean_closes, 0U);
}

}  // namespace
}  // namespace pillion::app
