#include "inject/mutate.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inject/editor.hpp"

namespace pillion::inject {
namespace {

Options options() {
  Options result;
  result.version = "0.1.0";
  result.image = "registry.example/pillion:0.1.0";
  result.config = "threads: 1\n";
  result.resolver_options = {json::object{{"name", "ndots"}, {"value", "5"}}};
  return result;
}

json::value pod(const std::string& spec, const std::string& metadata = "{}") {
  return json::parse(R"({"metadata":)" + metadata + R"(,"spec":)" + spec + "}");
}

json::value plain() {
  return pod(R"({"containers":[{"name":"shop","image":"shop"}]})");
}

json::value mutated(const json::value& pod, const Options& options) {
  const auto patch = mutate(pod, options, "shop");
  EXPECT_TRUE(patch) << patch.error().text;
  json::value result = pod;
  if (patch) apply(*patch, result);
  return result;
}

json::value restored(const json::value& pod) {
  const auto patch = restore(pod);
  EXPECT_TRUE(patch) << patch.error().text;
  json::value result = pod;
  if (patch) apply(*patch, result);
  return result;
}

std::string reason(const json::value& pod, const Options& wanted = options()) {
  const auto patch = mutate(pod, wanted, "shop");
  return patch ? "none" : patch.error().text;
}

std::string text(const json::value& pod, std::string_view pointer) {
  const auto* const found = find_string(pod, pointer);
  return found == nullptr ? "(none)" : std::string(*found);
}

TEST(Mutate, PutsPillionFirstAndAsTheOnlyNameServer) {
  const auto result = mutated(
      pod(R"({"containers":[{"name":"shop"}],"initContainers":[{"name":"migrate"}],"volumes":[{"name":"scratch"}]})"),
      options());
  EXPECT_EQ(text(result, "/spec/initContainers/0/name"), "pillion");
  EXPECT_EQ(text(result, "/spec/initContainers/0/restartPolicy"), "Always");
  EXPECT_EQ(text(result, "/spec/initContainers/1/name"), "migrate");
  EXPECT_EQ(text(result, "/spec/volumes/0/name"), "pillion-config");
  EXPECT_EQ(text(result, "/spec/volumes/1/name"), "scratch");
  EXPECT_EQ(text(result, "/spec/dnsPolicy"), "None");
  EXPECT_EQ(result.at_pointer("/spec/dnsConfig/nameservers"), json::parse(R"(["127.0.0.1"])"));
  EXPECT_EQ(result.at_pointer("/spec/dnsConfig/searches"),
            json::parse(R"(["shop.svc.cluster.local","svc.cluster.local","cluster.local"])"));
  EXPECT_EQ(text(result, "/metadata/annotations/pillion.dev~1config"), "threads: 1\n");
}

TEST(Mutate, WhatThePodHasStaysBehindOurs) {
  const auto result = mutated(pod(R"({"containers":[{"name":"shop"}],
    "dnsConfig":{"searches":["corp.example"],"options":[{"name":"ndots","value":"2"}]},
    "securityContext":{"fsGroup":1,"sysctls":[{"name":"net.core.somaxconn","value":"9"}]}})"),
                              options());
  EXPECT_EQ(text(result, "/spec/dnsConfig/searches/3"), "corp.example");
  EXPECT_EQ(text(result, "/spec/dnsConfig/options/1/value"), "2");
  EXPECT_EQ(text(result, "/spec/securityContext/sysctls/0/name"), "net.core.somaxconn");
  EXPECT_EQ(text(result, "/spec/securityContext/sysctls/1/value"), "53");
  EXPECT_EQ(result.at_pointer("/spec/securityContext/fsGroup"), 1);
}

TEST(Mutate, ASecondTimeChangesNothing) {
  const auto once = mutated(plain(), options());
  const auto patch = mutate(once, options(), "shop");
  ASSERT_TRUE(patch);
  EXPECT_TRUE(patch->empty());
}

TEST(Mutate, OtherOptionsReplaceWhatIsThere) {
  auto other = options();
  other.version = "0.2.0";
  other.native = false;
  other.config_map = "own";
  const auto result = mutated(mutated(plain(), options()), other);
  EXPECT_EQ(result, mutated(plain(), other));
  EXPECT_EQ(find_array(result, "/spec/initContainers"), nullptr);
  EXPECT_EQ(text(result, "/spec/containers/0/name"), "pillion");
}

TEST(Mutate, MovesToTheFrontAgain) {
  auto injected = mutated(plain(), options());
  auto& containers = injected.at_pointer("/spec/initContainers").as_array();
  containers.insert(containers.begin(), json::object{{"name", "istio-proxy"}});
  const auto result = mutated(injected, options());
  EXPECT_EQ(text(result, "/spec/initContainers/0/name"), "pillion");
  EXPECT_EQ(text(result, "/spec/initContainers/1/name"), "istio-proxy");
  EXPECT_EQ(find_array(result, "/spec/initContainers")->size(), 2U);
}

TEST(Restore, LeavesWhatWasThereBefore) {
  for (const auto& original :
       {plain(),
        pod(R"({"containers":[{"name":"a"}],"volumes":[],"initContainers":[],"securityContext":{},
          "dnsPolicy":"ClusterFirst","dnsConfig":{"options":[]}})",
            R"({"labels":{"a":"b"},"annotations":{"prometheus.io/port":"8080"}})"),
        json::parse(R"({"spec":{"containers":[{"name":"a"}],"dnsConfig":{}}})")}) {
    EXPECT_EQ(restored(mutated(original, options())), original);
  }
}

TEST(Restore, KeepsWhatOthersHaveAdded) {
  auto injected = mutated(plain(), options());
  injected.at_pointer("/spec/initContainers").as_array().emplace_back(json::object{{"name", "proxy"}});
  injected.at_pointer("/metadata/annotations").as_object()["mesh.example/status"] = "in";
  const auto result = restored(injected);
  EXPECT_EQ(text(result, "/spec/initContainers/0/name"), "proxy");
  EXPECT_EQ(text(result, "/metadata/annotations/mesh.example~1status"), "in");
}

TEST(Restore, KeepsAnnotationsForPrometheusThatLeadElsewhereSince) {
  const std::string prefix = "/metadata/annotations/prometheus.io~1";
  for (const auto& [key, value] : {std::pair{"path", "/stats/prometheus"}, std::pair{"port", "15020"}}) {
    auto injected = mutated(plain(), options());
    injected.at_pointer(prefix + key) = value;
    for (const auto& result : {restored(injected), mutated(injected, options())}) {
      EXPECT_EQ(text(result, prefix + key), value);
      EXPECT_EQ(text(result, prefix + "scrape"), "true");
    }
  }
}

TEST(Mutate, SaysWhatIsInTheWay) {
  const std::string containers = R"("containers":[{"name":"shop"}])";
  EXPECT_THAT(reason(pod("{" + containers + R"(,"hostNetwork":true})")), testing::HasSubstr("hostNetwork"));
  EXPECT_THAT(reason(pod("{" + containers + R"(,"dnsPolicy":"Default"})")), testing::HasSubstr("dnsPolicy is Default"));
  EXPECT_THAT(reason(pod("{" + containers + R"(,"os":{"name":"windows"}})")), testing::HasSubstr("Windows"));
  EXPECT_THAT(reason(pod(R"({"containers":[{"name":"pillion"}]})")), testing::HasSubstr("named pillion"));
  EXPECT_THAT(reason(pod(R"({"containers":[{"name":"a","ports":[{"containerPort":9153}]}]})")),
              testing::HasSubstr("httpPort"));
  EXPECT_THAT(reason(pod("{" + containers + "}", R"({"annotations":{"pillion.dev/imgae":"x"}})")),
              testing::HasSubstr("pillion.dev/imgae is not known"));
  EXPECT_THAT(reason(pod("{" + containers + "}", R"({"annotations":{"pillion.dev/memory-limit":"64 MB"}})")),
              testing::HasSubstr("quantity"));
  EXPECT_THAT(reason(pod("{" + containers + "}", R"({"annotations":{"pillion.dev/injected":"yes"}})")),
              testing::HasSubstr("cannot be read"));
}

TEST(Mutate, TakesNothingForAPodThatIsNone) {
  EXPECT_THAT(reason(json::parse("{}")), testing::HasSubstr("spec.containers"));
  EXPECT_THAT(reason(pod(R"({"containers":{}})")), testing::HasSubstr("spec.containers must be a list"));
  EXPECT_THAT(reason(pod(R"({"containers":[1]})")), testing::Eq("none"));
  EXPECT_THAT(reason(pod(R"({"containers":[{"name":"a"}]})", R"({"labels":"a"})")),
              testing::HasSubstr("metadata.labels must be a map"));
}

TEST(Mutate, APodThatIsPillionAloneIsNone) {
  auto ordinary = options();
  ordinary.native = false;
  auto injected = mutated(plain(), ordinary);
  injected.at_pointer("/spec/containers").as_array().pop_back();
  EXPECT_THAT(reason(injected, ordinary), testing::HasSubstr("spec.containers"));
  EXPECT_FALSE(restore(injected));
}

TEST(Mutate, AnOwnersConfigurationIsKept) {
  const auto own = pod(R"({"containers":[{"name":"a"}]})", R"({"annotations":{"pillion.dev/config":"threads: 2"}})");
  const auto result = mutated(mutated(own, options()), options());
  EXPECT_EQ(text(result, "/metadata/annotations/pillion.dev~1config"), "threads: 2");
  EXPECT_EQ(restored(result), own);
}

}  // namespace
}  // namespace pillion::inject
