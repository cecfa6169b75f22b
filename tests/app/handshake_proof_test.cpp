#include "app/handshake_proof.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "app/shard_runner.hpp"
#include "support/dot_server.hpp"
#include "support/temporary_directory.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;

/// Longer than anything here takes: each outcome is decided before.
constexpr auto proof_patience = 60s;

class HandshakeProofTest : public ::testing::Test {
 protected:
  [[nodiscard]] test::DotServer server(test::TlsManners tls = {}, test::ConnectionManners connections = {}) const {
    return test::DotServer(
        {.settings = {.identity = authority.issue(), .tls = std::move(tls), .connections = connections}});
  }
  static config::Server at(const test::DotServer& server, const std::string& tls_name = "dot.example") {
    config::Server made;
    made.endpoint = {"127.0.0.1", server.tls_port()};
    made.tls_name = tls_name;
    return made;
  }
  [[nodiscard]] config::Upstream upstream(std::vector<config::Server> servers) const {
    config::Upstream made;
    made.name = "public";
    made.protocol = config::Protocol::tls;
    made.servers = std::move(servers);
    made.tls.ca_file = ca_file;
    return made;
  }
  std::string prove(const config::Upstream& upstream, runtime::Duration time = proof_patience) {
    upstream::TlsContext tls(upstream.tls);
    const std::vector<ProofTarget> targets{{.upstream = upstream, .tls = tls}};
    return prove_handshakes(log, targets, time, cancelled).at(0);
  }
  void show(config::Upstream& upstream, const test::CertificateAuthority& by) const {
    const auto client = by.issue({.purpose = test::CertificateOptions::Purpose::client});
    upstream.tls.client_cert = directory.write("client.pem", client.certificate_pem());
    upstream.tls.client_key = directory.write("client.key", client.key_pem());
  }

  testing::RecordingLog log;
  std::atomic<bool> cancelled{false};
  test::TemporaryDirectory directory;
  test::CertificateAuthority authority;
  std::string ca_file = directory.write("ca.pem", authority.certificate_pem());
};

TEST_F(HandshakeProofTest, AServerWithAGoodCertificateIsProof) {
  const auto good = server();
  EXPECT_EQ(prove(upstream({at(good)})), "");
}

TEST_F(HandshakeProofTest, AnotherNameIsNone) {
  const auto other = server();
  const auto problem = prove(upstream({at(other, "another.example")}));
  EXPECT_TRUE(problem.starts_with(config::to_string(at(other).endpoint) + ": ")) << problem;
  EXPECT_TRUE(problem.contains("name")) << problem;
}

TEST_F(HandshakeProofTest, OneServerOfTwoIsEnough) {
  const auto good = server();
  const auto hanging = server({}, {.finish_handshake = false});
  EXPECT_EQ(prove(upstream({at(hanging), at(good, "another.example"), at(good)})), "");
}

TEST_F(HandshakeProofTest, AServerThatHangsIsGivenUpAtTheEndOfTheTime) {
  const auto hanging = server({}, {.finish_handshake = false});
  EXPECT_EQ(prove(upstream({at(hanging)}), 200ms), config::to_string(at(hanging).endpoint) + ": no answer in time");
}

TEST_F(HandshakeProofTest, WhoHasCancelledDoesNotWait) {
  const auto hanging = server({}, {.finish_handshake = false});
  cancelled = true;
  EXPECT_NE(prove(upstream({at(hanging)}), std::chrono::hours(1)), "");
}

TEST_F(HandshakeProofTest, ACertificateThatTheServerRefusesAfterTheHandshakeIsNoProof) {
  const auto strict = server({.min_version = TLS1_3_VERSION, .client_ca = authority.certificate_pem()});
  auto known = upstream({at(strict)});
  show(known, authority);
  EXPECT_EQ(prove(known), "");
  auto unknown = upstream({at(strict)});
  show(unknown, test::CertificateAuthority("another"));
  EXPECT_NE(prove(unknown), "");
}

TEST_F(HandshakeProofTest, AServerThatAcceptsTheCertificateAndIsSilentIsProof) {
  auto silent = server({.client_ca = authority.certificate_pem()});
  silent.on_query({.drop = true});
  auto known = upstream({at(silent)});
  show(known, authority);
  EXPECT_EQ(prove(known), "");
}

TEST_F(HandshakeProofTest, EachUpstreamHasItsOwnOutcomeInTheirOrder) {
  const auto good = server();
  const auto first = upstream({at(good, "another.example")});
  const auto second = upstream({at(good)});
  upstream::TlsContext tls(first.tls);
  const auto problems = prove_handshakes(log, {{.upstream = first, .tls = tls}, {.upstream = second, .tls = tls}},
                                         proof_patience, cancelled);
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_NE(problems[0], "");
  EXPECT_EQ(problems[1], "");
  EXPECT_TRUE(prove_handshakes(log, {}, proof_patience, cancelled).empty());
}

}  // namespace
}  // namespace pillion::app
