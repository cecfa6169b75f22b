#include "config/tls_groups.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include "config/config.hpp"
#include "config/faults.hpp"
#include "config/load.hpp"

namespace pillion::config {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

const bool has_hybrid = OpenSSL_version_num() >= 0x30500000UL;

std::string with_groups(const std::string& groups) {
  return R"(upstreams: {public: {servers: [{address: "192.0.2.1:853"}], tls: {groups: )" + groups + "}}}";
}

std::string faults_of_groups(const std::string& groups) {
  return faults_in(with_groups(groups));
}

TEST(TlsGroups, TheDefaultBeginsWithTheHybridWhereOpensslHasIt) {
  if (has_hybrid) {
    EXPECT_THAT(default_tls_groups(), ElementsAre("X25519MLKEM768", "X25519", "P-256", "P-384", "P-521"));
  } else {
    EXPECT_THAT(default_tls_groups(), ElementsAre("X25519", "P-256", "P-384", "P-521"));
  }
  EXPECT_THAT(default_config().upstreams.front().tls.groups, testing::IsEmpty())
      << "the default is decided at the start";
}

TEST(TlsGroups, AreReadInTheirOrder) {
  const auto config = parse_config(with_groups("[P-384, X25519, secp256r1]"), "f.yaml").config;
  EXPECT_THAT(config.upstreams.front().tls.groups, ElementsAre("P-384", "X25519", "secp256r1"));
}

TEST(TlsGroups, OneThatOpensslDoesNotHaveIsRefusedByItsNameAndPlace) {
  EXPECT_THAT(
      faults_of_groups("[X25519, curve1]"),
      testing::AllOf(HasSubstr("f.yaml:1:84: upstreams.public.tls.groups[1]: `curve1` is not a group that OpenSSL " +
                               std::string(OpenSSL_version(OPENSSL_VERSION_STRING)) + " has"),
                     HasSubstr("allowed: the name of a key-exchange group"), EndsWith("such as X25519 or P-256")));
  EXPECT_EQ(faults_of_groups("[X25519MLKEM768]").empty(), has_hybrid);
}

TEST(TlsGroups, WhatIsNoSingleNameIsRefused) {
  for (const char* const group : {R"("")", R"("X25519:P-256")", R"("*X25519")", R"("?X25519")", R"("-X25519")",
                                  "DEFAULT", "default", R"("X25519/P-256")", R"(" X25519")", R"("X25519\0")"}) {
    EXPECT_THAT(faults_of_groups(std::string("[") + group + "]"), HasSubstr("is not a group that OpenSSL")) << group;
  }
  EXPECT_THAT(faults_of_groups("[" + std::string(1000, 'x') + "]"), HasSubstr("is not a group that OpenSSL"));
  EXPECT_THAT(faults_of_groups("X25519"), HasSubstr("allowed: "));
}

TEST(TlsGroups, OneThatIsGivenTwiceIsRefused) {
  EXPECT_THAT(faults_of_groups("[X25519, P-256, x25519]"), HasSubstr("tls.groups[2]: `x25519` is given twice"));
}

TEST(TlsGroups, MlKemAloneAndInHybridsIsPostQuantum) {
  for (const char* const group :
       {"X25519MLKEM768", "x25519mlkem768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "MLKEM512"})
    EXPECT_TRUE(is_post_quantum(group)) << group;
  for (const char* const group : {"X25519", "P-256", "secp384r1", "ffdhe2048", ""})
    EXPECT_FALSE(is_post_quantum(group)) << group;
}

TEST(TlsGroups, AKeyShareOfAClassicalGroupGoesBesideThatOfAPostQuantumOne) {
  const std::vector<std::string> both{"X25519MLKEM768", "SecP256r1MLKEM768", "P-256", "X25519"};
  EXPECT_EQ(to_openssl_list(both), has_hybrid ? "*X25519MLKEM768:SecP256r1MLKEM768:*P-256:X25519"
                                              : "X25519MLKEM768:SecP256r1MLKEM768:P-256:X25519");
  // OpenSSL makes a key share of the first group by default.
  const std::vector<std::string> classical{"X25519", "P-256"};
  EXPECT_EQ(to_openssl_list(classical), "X25519:P-256");
}

}  // namespace
}  // namespace pillion::config
