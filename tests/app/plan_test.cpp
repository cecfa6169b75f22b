#include "app/plan.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "support/certificates.hpp"
#include "support/temporary_directory.hpp"

namespace pillion::app {
namespace {

class PlanTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    const auto path = (directory.path() / name).string();
    std::ofstream(path) << text;
    return path;
  }
  static config::Config trusting(const std::vector<std::string>& ca_files) {
    config::Config config;
    config.upstreams.clear();
    for (const auto& ca_file : ca_files) {
      auto& upstream = config.upstreams.emplace_back();
      upstream.name = "u" + std::to_string(config.upstreams.size());
      upstream.protocol = config::Protocol::tls;
      upstream.tls.ca_file = ca_file;
    }
    return config;
  }
  test::TemporaryDirectory directory;
  test::CertificateAuthority authority;
};

TEST_F(PlanTest, EachOfTwoEqualUpstreamsKeepsItsOwnContext) {
  const auto config =
      trusting({write("ca.pem", authority.certificate_pem()), write("b.pem", authority.certificate_pem())});
  const auto first = make_plan(config, nullptr);
  ASSERT_NE(first->tls[0], first->tls[1]);
  EXPECT_EQ(make_plan(config, first.get())->tls, first->tls);
}

TEST_F(PlanTest, WhatTheFileHoldsCountsAndNotItsName) {
  const auto first = make_plan(trusting({write("ca.pem", authority.certificate_pem())}), nullptr);
  const auto renamed = make_plan(trusting({write("other.pem", authority.certificate_pem())}), first.get());
  EXPECT_EQ(renamed->tls, first->tls);
  const test::CertificateAuthority another;
  const auto changed = make_plan(trusting({write("ca.pem", another.certificate_pem())}), first.get());
  EXPECT_NE(changed->tls, first->tls);
}

}  // namespace
}  // namespace pillion::app
