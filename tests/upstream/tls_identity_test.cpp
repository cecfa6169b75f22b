// The facts about a server after handshakes, of which the later ones resume a session. The records go through memory.

#include "upstream/tls_identity.hpp"

#include <array>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "support/certificates.hpp"
#include "support/temporary_directory.hpp"
#include "support/tls_server.hpp"
#include "upstream/tls_context.hpp"

namespace pillion::upstream {
namespace {

using std::chrono::system_clock;

struct FreeSsl {
  void operator()(SSL* ssl) const {
    // Like a connection that ends without close_notify: the session stays valid.
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
  }
};
using SslPointer = std::unique_ptr<SSL, FreeSsl>;

system_clock::time_point end_of(const X509* certificate) {
  std::tm time{};
  EXPECT_EQ(ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time), 1);
  return system_clock::from_time_t(::timegm(&time));
}

class TlsIdentityTest : public ::testing::TestWithParam<int> {
 protected:
  /// Makes one handshake with a server of this context; nullopt if one side refuses it.
  std::optional<TlsFacts> shake_hands(const test::TlsContext& server_context) {
    const SslPointer client(SSL_new(context.native().native_handle()));
    const SslPointer server(SSL_new(server_context.get()));
    BIO* client_side = nullptr;
    BIO* server_side = nullptr;
    EXPECT_EQ(BIO_new_bio_pair(&client_side, 65536, &server_side, 65536), 1);
    SSL_set_bio(client.get(), client_side, client_side);
    SSL_set_bio(server.get(), server_side, server_side);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
    EXPECT_TRUE(identity.prepare(client.get(), context, {}));
    // Each side sends twice, in TLS 1.2 and 1.3.
    for (int i = 0; i < 3; ++i) {
      SSL_do_handshake(client.get());
      SSL_do_handshake(server.get());
    }
    if (SSL_is_init_finished(client.get()) != 1 || SSL_is_init_finished(server.get()) != 1) return std::nullopt;
    // The tickets of TLS 1.3 come after the handshake.
    std::array<char, 16> nothing{};
    EXPECT_EQ(SSL_read(client.get(), nothing.data(), nothing.size()), -1);
    const auto facts = identity.check(client.get());
    return facts ? std::optional(*facts) : std::nullopt;
  }
  [[nodiscard]] test::TlsContext server_with(const test::Identity& certificates) const {
    return test::make_tls_context(certificates, {.max_version = GetParam()});
  }
  [[nodiscard]] config::Tls trusting() const {
    config::Tls settings;
    settings.ca_file = directory.write("ca.pem", authority.certificate_pem());
    return settings;
  }
  [[nodiscard]] test::Identity issue(std::chrono::days lasting) const {
    return authority.issue({.not_after = lasting});
  }

  test::CertificateAuthority authority;  // for a year
  test::TemporaryDirectory directory;
  TlsContext context{trusting()};
  TlsIdentity identity{{.endpoint = {"192.0.2.1", 853}, .tls_name = "dot.example", .pins = {}}};
};

TEST_P(TlsIdentityTest, WhereTheAuthorityEndsFirstAResumedSessionSaysSoToo) {
  const auto server = server_with(issue(std::chrono::days(500)));
  const auto soonest = end_of(authority.certificate());
  const auto first = shake_hands(server);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->resumed);
  EXPECT_EQ(first->not_after, soonest);
  for (int i = 0; i < 2; ++i) {
    const auto again = shake_hands(server);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->resumed);
    EXPECT_EQ(again->not_after, soonest);
  }
}

TEST_P(TlsIdentityTest, AFullHandshakeTellsOfTheChainThatIsThereNow) {
  const auto brief = issue(std::chrono::days(10));
  ASSERT_TRUE(shake_hands(server_with(brief)));
  const auto renewed = issue(std::chrono::days(90));
  const auto server = server_with(renewed);
  const auto full = shake_hands(server);
  ASSERT_TRUE(full);
  EXPECT_FALSE(full->resumed) << "its ticket was another server's";
  EXPECT_EQ(full->not_after, end_of(renewed.certificate()));
  const auto resumed = shake_hands(server);
  ASSERT_TRUE(resumed);
  EXPECT_TRUE(resumed->resumed);
  EXPECT_EQ(resumed->not_after, end_of(renewed.certificate()));
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsIdentityTest, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) { return version.param == TLS1_3_VERSION ? "Tls13" : "Tls12"; });

}  // namespace
}  // namespace pillion::upstream
