#include "app/plan.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

#include "support/certificates.hpp"
#include "support/temporary_directory.hpp"

namespace pillion::app {
namespace {

class PlanTest : public ::testing::Test {
 protected:
  static config::Upstream upstream(const std::string& name, const std::string& ca_file) {
    config::Upstream made;
    made.name = name;
    made.protocol = config::Protocol::tls;
    made.tls.ca_file = ca_file;
    return made;
  }
  static std::shared_ptr<const Plan> plan(std::vector<config::Upstream> upstreams, const Plan* previous = nullptr) {
    config::Config config;
    config.upstreams = std::move(upstreams);
    return make_plan(std::move(config), previous);
  }
  void write_client(const test::Identity& identity) const {
    directory.write("client.pem", identity.certificate_pem());
    directory.write("client.key", identity.key_pem());
  }
  [[nodiscard]] config::Upstream with_client() const {
    auto made = upstream("public", ca_file);
    made.tls.client_cert = (directory.path() / "client.pem").string();
    made.tls.client_key = (directory.path() / "client.key").string();
    return made;
  }

  test::TemporaryDirectory directory;
  test::CertificateAuthority authority{"one"};
  test::CertificateAuthority other{"two"};
  std::string ca_file = directory.write("ca.pem", authority.certificate_pem());
};

TEST_F(PlanTest, ContextsThatAreAsBeforeAreTakenOver) {
  const auto old = plan({upstream("public", ca_file), upstream("office", ca_file)});
  const auto next = plan({upstream("office", ca_file), upstream("public", ca_file)}, old.get());
  EXPECT_EQ(next->tls[1], old->tls[0]);
  EXPECT_EQ(next->tls[0], old->tls[1]) << "each has its own, though they are equal";
  const auto alone = plan({upstream("public", ca_file)});
  EXPECT_NE(alone->tls[0], old->tls[0]);
  EXPECT_TRUE(*alone->tls[0] == *old->tls[0]);
}

TEST_F(PlanTest, TheAuthoritiesCountAndNotWhatTheirFileIsCalled) {
  const auto old = plan({upstream("public", ca_file)});
  EXPECT_EQ(old->tls[0]->authorities(), 1U);
  const auto copy = directory.write("copy.pem", authority.certificate_pem());
  EXPECT_EQ(plan({upstream("public", copy)}, old.get())->tls[0], old->tls[0]);

  directory.write("ca.pem", other.certificate_pem());
  const auto changed = plan({upstream("public", ca_file)}, old.get());
  EXPECT_NE(changed->tls[0], old->tls[0]);
  EXPECT_FALSE(*changed->tls[0] == *old->tls[0]);
  directory.write("ca.pem", authority.certificate_pem() + other.certificate_pem());
  const auto both = plan({upstream("public", ca_file)}, old.get());
  EXPECT_NE(both->tls[0], old->tls[0]);
  EXPECT_EQ(both->tls[0]->authorities(), 2U);
}

TEST_F(PlanTest, SettingsOfTheHandshakeCount) {
  const auto old = plan({upstream("public", ca_file)});
  auto changed = upstream("public", ca_file);
  changed.tls.min_version = config::TlsVersion::tls1_3;
  EXPECT_NE(plan({changed}, old.get())->tls[0], old->tls[0]);
}

TEST_F(PlanTest, ARenewedClientCertificateIsAnotherContext) {
  write_client(authority.issue({.purpose = test::CertificateOptions::Purpose::client}));
  const auto old = plan({with_client()});
  EXPECT_TRUE(old->tls[0]->client_not_after());
  EXPECT_EQ(plan({with_client()}, old.get())->tls[0], old->tls[0]);
  EXPECT_NE(plan({upstream("public", ca_file)}, old.get())->tls[0], old->tls[0]);
  EXPECT_FALSE(plan({upstream("public", ca_file)})->tls[0]->client_not_after());

  write_client(
      authority.issue({.not_after = std::chrono::hours(1), .purpose = test::CertificateOptions::Purpose::client}));
  const auto renewed = plan({with_client()}, old.get());
  EXPECT_NE(renewed->tls[0], old->tls[0]);
  EXPECT_LT(*renewed->tls[0]->client_not_after(), *old->tls[0]->client_not_after());
}

TEST_F(PlanTest, WithoutTlsThereIsNoContextAndABadFileIsNamedWithItsUpstream) {
  auto clear = upstream("cluster", "");
  clear.protocol = config::Protocol::udp;
  EXPECT_EQ(plan({clear})->tls[0], nullptr);
  directory.write("ca.pem", "nothing");
  try {
    static_cast<void>(plan({upstream("public", ca_file)}));
    FAIL() << "a file without a certificate was taken";
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("upstreams.public.tls: ")) << text;
    EXPECT_TRUE(text.contains(ca_file)) << text;
  }
}

}  // namespace
}  // namespace pillion::app
