#include "inject/values.hpp"

#include <string>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inject/sidecar_config.hpp"
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
  const auto result = config("clusterDNS: {address: 10.96.0.10, networks: [198.18.0.0/15]}\n");
  EXPECT_EQ(result.at("dns"), json::parse(R"({"listen":["127.0.0.1:53"]})"));
  EXPECT_EQ(result.at("http"), json::parse(R"({"listen":"0.0.0.0:9153"})"));
  EXPECT_EQ(result.at("search"), json::parse(R"({"resolv_conf":"/etc/resolv.conf"})"));
  EXPECT_EQ(result.at("routes"), json::parse(R"([{"zone":"cluster.local","upstream":"cluster"},
    {"network":"10.0.0.0/8","upstream":"cluster"},{"network":"172.16.0.0/12","upstream":"cluster"},
    {"network":"192.168.0.0/16","upstream":"cluster"},{"network":"100.64.0.0/10","upstream":"cluster"},
    {"network":"fc00::/7","upstream":"cluster"},{"network":"198.18.0.0/15","upstream":"cluster"},
    {"zone":".","upstream":"public"}])"));
  EXPECT_EQ(result.at_pointer("/upstreams/cluster"),
            json::parse(R"({"protocol":"udp","servers":[{"address":"10.96.0.10:53"}]})"));
}

TEST(Values, RoutesOfOnesOwnGoBefore) {
  const auto result = config(R"(
clusterDNS: {address: "fd00::a"}
ipFamily: IPv6
config:
  upstreams:
    corp: {servers: [{address: "192.0.2.1:8853", tls_name: dns.corp.example}]}
  routes: [{zone: Cluster.Local., upstream: corp}, {zone: 17.172.in-addr.arpa, upstream: corp},
           {network: 10.0.0.0/8, upstream: corp}]
  search: false
)");
  const auto& routes = result.at("routes").as_array();
  const auto route = [](const char* key, const char* value, const char* upstream) {
    return json::value{{key, value}, {"upstream", upstream}};
  };
  EXPECT_EQ(routes.at(0), route("zone", "Cluster.Local.", "corp"));
  EXPECT_EQ(routes.at(3), route("zone", "16.172.in-addr.arpa", "cluster")) << "of a network with a part of one's own";
  EXPECT_EQ(routes.at(4), route("zone", "18.172.in-addr.arpa", "cluster"));
  EXPECT_EQ(routes.at(18), route("network", "192.168.0.0/16", "cluster"));
  EXPECT_EQ(routes.back(), route("zone", ".", "corp"));
  EXPECT_EQ(routes.size(), 22U);
  EXPECT_FALSE(result.as_object().contains("search"));
  EXPECT_EQ(result.at("dns"), json::parse(R"({"listen":["[::1]:53"]})"));
}

TEST(Values, ZonesOfThePlatformAreTheClusters) {
  const auto zones = [](const std::string& yaml) {
    std::vector<std::string> found;
    const auto all = config(yaml);
    for (const auto& route : all.at("routes").as_array()) {
      const auto* const zone = route.as_object().if_contains("zone");
      if (zone != nullptr && route.at("upstream") == "cluster") found.emplace_back(zone->as_string());
    }
    return found;
  };
  EXPECT_THAT(zones("platform: eks\nclusterDNS: {address: 10.96.0.10}\n"),
              testing::IsSupersetOf({"ec2.internal", "compute.internal", "amazonaws.com"}));
  EXPECT_THAT(zones("platform: none\nclusterDNS: {address: 10.96.0.10}\n"), testing::ElementsAre("cluster.local"));
  EXPECT_THAT(zones("platform: eks\nclusterDNS: {enabled: false}\n"), testing::IsEmpty());
}

TEST(Values, OpenShiftChoosesTheUser) {
  const std::string platform = "platform: openshift\nclusterDNS: {enabled: false}\n";
  const auto chosen = read(platform);
  ASSERT_TRUE(chosen);
  EXPECT_FALSE(chosen->security_context.contains("runAsUser"));
  EXPECT_FALSE(chosen->security_context.contains("runAsGroup"));
  EXPECT_EQ(chosen->security_context.at("runAsNonRoot"), true);
  EXPECT_TRUE(chosen->port_sysctl) << "CRI-O leaves port 53 closed";
  const auto own = read(platform + "containerSecurityContext: {runAsUser: 1000650000, runAsGroup: null}\n");
  ASSERT_TRUE(own);
  EXPECT_EQ(own->security_context.at("runAsUser"), 1000650000);
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
  EXPECT_EQ(encrypted_ports(options->config), (std::vector<std::uint16_t>{853, 8853}));
}

TEST(Values, FaultsAreAllSaid) {
  const auto faults = error("httpPort: 99999\nnative: 1\nclusterDNS: {adress: x}\nmesh: consul\nplatform: gce\n");
  EXPECT_THAT(faults, testing::HasSubstr("httpPort: must be a whole number from 1 to 65535"));
  EXPECT_THAT(faults, testing::HasSubstr("native: must be true or false"));
  EXPECT_THAT(faults, testing::HasSubstr("clusterDNS.adress: is not known"));
  EXPECT_THAT(faults, testing::HasSubstr("mesh: must be none, istio or linkerd"));
  EXPECT_THAT(faults, testing::HasSubstr("platform: must be none, gke, eks, aks or openshift"));
  EXPECT_THAT(faults, testing::HasSubstr("clusterDNS.address: is not given. It is the nameserver in /etc/resolv.conf"));
}

TEST(Values, FamilyOfThePodAndOfTheClustersDnsAreOne) {
  for (const std::string values :
       {"clusterDNS: {address: 'fd00::a'}", "{ipFamily: IPv6, clusterDNS: {address: 10.96.0.10}}"}) {
    const auto documents = read_documents(values);
    ASSERT_TRUE(documents);
    auto object = documents->front().value.as_object();
    object["image"] = json::object{{"repository", "registry.example/pillion"}};
    const auto options = read_values(object, "0.1.0", std::nullopt);
    ASSERT_FALSE(options);
    EXPECT_THAT(options.error(), testing::HasSubstr("` is not of the family of ipFamily"));
  }
  EXPECT_TRUE(read("clusterDNS: {enabled: false, address: 'fd00::a'}\n")) << "where it is not asked";
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
