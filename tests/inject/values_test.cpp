#include "inject/values.hpp"

#include <string>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inject/yaml_documents.hpp"

namespace pillion::inject {
namespace {

std::expected<Options, std::string> read(const std::string& yaml) {
  const auto documents = read_documents("image: {repository: registry.example/pillion}\n" + yaml);
  EXPECT_TRUE(documents);
  return read_values(documents->front().value.as_object(), "0.1.0", std::nullopt);
}

std::string error(const std::string& yaml) {
  const auto options = read(yaml);
  return options ? "none" : options.error();
}

json::value config(const std::string& yaml) {
  const auto options = read(yaml);
  EXPECT_TRUE(options) << options.error();
  return options ? read_documents(options->config)->front().value : json::value();
}

TEST(Values, TheConfigurationFollows) {
  const auto result = config("clusterDNS: {address: 10.96.0.10, networks: [10.0.0.0/8]}\n");
  EXPECT_EQ(result.at("dns"), json::parse(R"({"listen":["127.0.0.1:53"]})"));
  EXPECT_EQ(result.at("http"), json::parse(R"({"listen":"0.0.0.0:9153"})"));
  EXPECT_EQ(result.at("search"), json::parse(R"({"resolv_conf":"/etc/resolv.conf"})"));
  EXPECT_EQ(result.at("routes"), json::parse(R"([{"zone":"cluster.local","upstream":"cluster"},
    {"network":"10.0.0.0/8","upstream":"cluster"},{"zone":".","upstream":"public"}])"));
  EXPECT_EQ(result.at_pointer("/upstreams/cluster"),
            json::parse(R"({"protocol":"udp","servers":[{"address":"10.96.0.10:53"}]})"));
}

TEST(Values, RoutesOfOnesOwnGoBefore) {
  const auto result = config(R"(
clusterDNS: {address: "fd00::a", networks: []}
ipFamily: IPv6
config:
  upstreams:
    corp: {servers: [{address: "192.0.2.1:8853", tls_name: dns.corp.example}]}
  routes: [{zone: Cluster.Local., upstream: corp}]
  search: false
)");
  EXPECT_EQ(result.at("routes"), json::parse(R"([{"zone":"Cluster.Local.","upstream":"corp"},
    {"zone":".","upstream":"corp"}])"));
  EXPECT_FALSE(result.as_object().contains("search"));
  EXPECT_EQ(result.at("dns"), json::parse(R"({"listen":["[::1]:53"]})"));
}

TEST(Values, EncryptedPortsAreThoseOfTheUpstreams) {
  const auto options = read(R"(
clusterDNS: {enabled: false}
config:
  upstreams:
    public: {servers: [{address: "192.0.2.1:8853"}, {address: "[2001:db8::1]:853"}]}
    plain: {protocol: udp, servers: [{address: "192.0.2.3:53"}]}
  routes: [{zone: corp.example, upstream: plain}]
)");
  ASSERT_TRUE(options);
  EXPECT_EQ(options->encrypted_ports, (std::vector<std::uint16_t>{853, 8853}));
}

TEST(Values, FaultsAreAllSaid) {
  const auto faults = error("httpPort: 99999\nnative: 1\nclusterDNS: {adress: x}\nmesh: consul\n");
  EXPECT_THAT(faults, testing::HasSubstr("httpPort: is to be a whole number from 1 to 65535"));
  EXPECT_THAT(faults, testing::HasSubstr("native: is to be true or false"));
  EXPECT_THAT(faults, testing::HasSubstr("clusterDNS.adress: is not known"));
  EXPECT_THAT(faults, testing::HasSubstr("mesh: is to be none, istio or linkerd"));
  EXPECT_THAT(faults, testing::HasSubstr("clusterDNS.address: is not known. It is the nameserver in /etc/resolv.conf"));
}

TEST(Values, NullTakesAKeyAway) {
  const auto options = read(
      "clusterDNS: {enabled: false}\ncontainerSecurityContext: {runAsUser: null}\nresources: {limits: {cpu: '1'}}\n");
  ASSERT_TRUE(options);
  EXPECT_FALSE(options->security_context.contains("runAsUser"));
  EXPECT_EQ(json::value(options->resources),
            json::parse(R"({"requests":{"cpu":"10m","memory":"16Mi"},"limits":{"memory":"64Mi","cpu":"1"}})"));
}

}  // namespace
}  // namespace pillion::inject
