#include "resolve/search_list.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/message_builder.hpp"

namespace pillion::resolve {
namespace {

using dns::testing::joined;
using dns::testing::labels_of;
using dns::testing::name_of;
using ::testing::ElementsAre;

SearchList list_of(const std::vector<std::string>& domains, unsigned ndots = 5) {
  std::vector<dns::Buffer> names;
  for (const auto& domain : domains) names.push_back(name_of(domain));
  return {std::move(names), ndots};
}

// The list that the kubelet writes for a pod of the namespace "default" on a node with its own search list.
SearchList pods_list(unsigned ndots = 5) {
  return list_of({"default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"}, ndots);
}

// The base in presentation form; "" if there is no walk.
std::string base_text(const SearchList& list, std::string_view name, std::uint16_t type = dns::type::a) {
  const auto wire = name_of(name);
  const auto base = list.base_of(wire, type);
  if (!base) return {};
  return dns::to_text(joined({{base->begin(), base->end()}, {0}}));
}

std::vector<std::string> candidates(const SearchList& list, std::string_view first_step) {
  const auto wire = name_of(first_step);
  const auto base = list.base_of(wire, dns::type::a);
  std::vector<std::string> names;
  if (!base) return names;
  for (std::size_t i = 0; i < list.candidate_count(); ++i) {
    dns::Buffer name;
    if (list.append_candidate(*base, i, name)) names.push_back(dns::to_text(name));
  }
  return names;
}

std::vector<std::string> possible_candidates(const SearchList& list, std::string_view first_step) {
  auto names = candidates(list, first_step);
  std::erase_if(names, [&](const auto& name) { return !list.may_exist(name_of(name)); });
  return names;
}

TEST(SearchList, TheFirstStepTellsTheName) {
  const auto list = pods_list();
  EXPECT_EQ(base_text(list, "db.prod.default.svc.cluster.local"), "db.prod.");
  EXPECT_EQ(base_text(list, "www.example.com.default.svc.cluster.local"), "www.example.com.");
}

TEST(SearchList, TheBaseIsAPartOfTheNameWithItsLettersAndWithoutTheRoot) {
  const auto list = pods_list();
  const auto name = name_of("Www.Example.com.DEFAULT.svc.Cluster.local");
  const auto base = list.base_of(name, dns::type::aaaa);
  ASSERT_TRUE(base);
  EXPECT_EQ(base->data(), name.data());
  EXPECT_EQ(dns::Buffer(base->begin(), base->end()),
            dns::testing::bytes_of(std::string_view("\3Www\7Example\3com", 16)));
}

TEST(SearchList, OnlyTheTypesThatGetaddrinfoAsksFor) {
  const auto list = pods_list();
  const std::string_view name = "db.prod.default.svc.cluster.local";
  EXPECT_EQ(base_text(list, name, dns::type::a), "db.prod.");
  EXPECT_EQ(base_text(list, name, dns::type::aaaa), "db.prod.");
  for (const auto type :
       {dns::type::mx, dns::type::srv, dns::type::https, dns::type::txt, dns::type::any, dns::type::cname}) {
    EXPECT_EQ(base_text(list, name, type), "") << type;
  }
}

TEST(SearchList, LaterStepsAndOtherNamesBeginNoWalk) {
  const auto list = pods_list();
  EXPECT_EQ(base_text(list, "www.example.com.svc.cluster.local"), "");
  EXPECT_EQ(base_text(list, "www.example.com.cluster.local"), "");
  EXPECT_EQ(base_text(list, "www.example.com.corp.example"), "");
  EXPECT_EQ(base_text(list, "www.example.com"), "");
  EXPECT_EQ(base_text(list, "."), "");
}

TEST(SearchList, ANameOfOneLabelIsLeftToLibc) {
  // "missing.default.svc.cluster.local" is also libc's third candidate for "missing.default.svc".
  EXPECT_EQ(base_text(pods_list(), "missing.default.svc.cluster.local"), "");
}

TEST(SearchList, TheFirstDomainItselfIsNoStep) {
  EXPECT_EQ(base_text(pods_list(), "default.svc.cluster.local"), "");
}

TEST(SearchList, DomainsEndAtLabels) {
  const auto list = pods_list();
  EXPECT_EQ(base_text(list, "xdefault.svc.cluster.local"), "");
  EXPECT_EQ(base_text(list, "x\\007default.svc.cluster.local"),
            "");  // only the bytes end in the domain, not the labels
}

TEST(SearchList, FromNdotsDotsOnLibcAsksForTheNameFirst) {  // resolv.conf(5)
  const auto list = pods_list(2);
  EXPECT_EQ(base_text(list, "a.b.default.svc.cluster.local"), "a.b.");
  EXPECT_EQ(base_text(list, "a.b.c.default.svc.cluster.local"), "");
  EXPECT_EQ(base_text(pods_list(1), "a.b.default.svc.cluster.local"), "");
  EXPECT_EQ(base_text(pods_list(0), "a.default.svc.cluster.local"), "");
  EXPECT_EQ(base_text(pods_list(5), "a.b.c.d.e.default.svc.cluster.local"), "a.b.c.d.e.");
  EXPECT_EQ(base_text(pods_list(5), "a.b.c.d.e.f.default.svc.cluster.local"), "");
}

TEST(SearchList, CandidatesInTheOrderOfTheList) {
  const auto list = pods_list();
  EXPECT_EQ(list.candidate_count(), 5U);
  EXPECT_THAT(candidates(list, "Api.Prod.default.svc.cluster.local"),
              ElementsAre("Api.Prod.default.svc.cluster.local.", "Api.Prod.svc.cluster.local.",
                          "Api.Prod.cluster.local.", "Api.Prod.corp.example.", "Api.Prod."));
}

TEST(SearchList, CandidatesAreAppended) {
  const auto list = pods_list();
  dns::Buffer out = {0xAA};
  ASSERT_TRUE(list.append_candidate(dns::testing::label_of("db"), 4, out));
  EXPECT_EQ(out, (dns::Buffer{0xAA, 2, 'd', 'b', 0}));
}

TEST(SearchList, CandidatesOfMoreThan255BytesAreNone) {  // RFC 1035 2.3.4
  const auto list = list_of({"a.example", "a-longer.example"});
  const auto base = labels_of(122, 1);  // 244 bytes; with "a.example." 255
  dns::Buffer out;
  EXPECT_TRUE(list.append_candidate(base, 0, out));
  EXPECT_EQ(out.size(), dns::max_name_size);
  out.clear();
  EXPECT_FALSE(list.append_candidate(base, 1, out));
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(list.append_candidate(base, 2, out));
}

TEST(SearchList, WithoutDomainsThereAreNoWalks) {
  const auto list = list_of({});
  EXPECT_EQ(base_text(list, "www.example.com"), "");
  EXPECT_EQ(list.candidate_count(), 1U);
  EXPECT_TRUE(list.may_exist(name_of("a.b.c.d.e.f.svc.cluster.local")));
}

TEST(SearchList, TheRootAsFirstDomainTellsNothing) {
  EXPECT_EQ(base_text(list_of({".", "corp.example"}), "www.example.com"), "");
}

// Kubernetes DNS-Based Service Discovery 2.3 to 2.6.
TEST(SearchListMayExist, NamesOfTheSpecification) {
  const auto list = pods_list();
  for (const auto* name : {
           "dns-version.cluster.local",                                              // 2.2
           "kubernetes.default.svc.cluster.local",                                   // 2.3.1
           "KUBERNETES.Default.SVC.cluster.LOCAL",                                   // 2.1: without regard to case
           "_https._tcp.kubernetes.default.svc.cluster.local",                       // 2.3.2
           "my-pet.headless.default.svc.cluster.local",                              // 2.4.1
           "438934893.headless.default.svc.cluster.local",                           // 2.4.2
           "10-1-2-3.headless.default.svc.cluster.local",                            // the current name of pods
           "10-1-2-3.default.pod.cluster.local", "fd00--a.other.pod.cluster.local",  // 2.6
           "0service.0ns.svc.cluster.local",  // RFC 1123 2.1: a digit may come first
       }) {
    EXPECT_TRUE(list.may_exist(name_of(name))) << name;
  }
}

TEST(SearchListMayExist, WhatLiesBetweenExistsToo) {  // RFC 8020 2
  const auto list = pods_list();
  for (const auto* name : {"cluster.local", "svc.cluster.local", "default.svc.cluster.local", "pod.cluster.local",
                           "default.pod.cluster.local", "_tcp.kubernetes.default.svc.cluster.local"}) {
    EXPECT_TRUE(list.may_exist(name_of(name))) << name;
  }
}

TEST(SearchListMayExist, NamesThatTheSpecificationHasNoFormFor) {
  const auto list = pods_list();
  for (const auto* name : {
           "www.example.com.default.svc.cluster.local",       // three before <ns>.svc that are no port and protocol
           "_http.www.example.default.svc.cluster.local",     // a port without a protocol
           "http._tcp.kubernetes.default.svc.cluster.local",  // a protocol without a port
           "a._https._tcp.kubernetes.default.svc.cluster.local",
           "a.b.c.d.e.f.svc.cluster.local",
           "example.com.cluster.local",  // neither svc nor pod
           "com.cluster.local",
           "x.dns-version.cluster.local",
           "foo_bar.default.svc.cluster.local",  // names of services and namespaces are RFC 1123 labels
           "-foo.default.svc.cluster.local",
           "foo-.default.svc.cluster.local",
           "foo.default_ns.svc.cluster.local",
           "\\*.default.svc.cluster.local",
           "x\\.y.default.svc.cluster.local",
           "www.default.pod.cluster.local",  // not an address
           "10-1.default.pod.cluster.local",
           "a.10-1-2-3.default.pod.cluster.local",
           "10-1-2-3.-ns.pod.cluster.local",
       }) {
    EXPECT_FALSE(list.may_exist(name_of(name))) << name;
  }
}

TEST(SearchListMayExist, NamesOutsideOfTheClustersZone) {
  const auto list = pods_list();
  for (const auto* name : {"www.example.com", "a.b.c.d.e.f.corp.example", "local", ".", "foo.notcluster.local",
                           "x\\007cluster.local", "cluster.local.example"}) {
    EXPECT_TRUE(list.may_exist(name_of(name))) << name;
  }
}

TEST(SearchListMayExist, NamesOfARoute) {
  auto list = pods_list();
  list.allow(name_of("Vendor.cluster.local"));
  list.allow(name_of("svc.cluster.local"));
  list.allow(name_of("."));
  for (const auto* name : {"vendor.cluster.local", "any.thing.VENDOR.cluster.local"})
    EXPECT_TRUE(list.may_exist(name_of(name))) << name;
  for (const auto* name : {"www.cluster.local", "xvendor.cluster.local", "a.b.c.d.e.svc.cluster.local"})
    EXPECT_FALSE(list.may_exist(name_of(name))) << name;
}

TEST(SearchListMayExist, TheZoneIsTheOneOfTheFirstDomain) {
  const auto list = list_of({"prod.SVC.k8s.corp.example", "corp.example"});
  EXPECT_TRUE(list.may_exist(name_of("api.prod.svc.k8s.corp.example")));
  EXPECT_FALSE(list.may_exist(name_of("www.k8s.corp.example")));
  EXPECT_TRUE(list.may_exist(name_of("www.corp.example")));
  EXPECT_TRUE(list.may_exist(name_of("a.b.c.d.e.f.svc.cluster.local")));
}

TEST(SearchListMayExist, NothingIsKnownFromAnotherFormOfList) {
  for (const auto* domain : {"corp.example", "svc.cluster.local", "a.b.svc.cluster.local", "default.svc", "svc", "."}) {
    const auto list = list_of({domain, "cluster.local"});
    EXPECT_TRUE(list.may_exist(name_of("a.b.c.d.e.f.svc.cluster.local"))) << domain;
    EXPECT_TRUE(list.may_exist(name_of("com.cluster.local"))) << domain;
  }
}

// The rest of a walk if the cluster's zone is known.
TEST(SearchListWalk, ExternalNames) {
  const auto list = pods_list();
  EXPECT_THAT(possible_candidates(list, "www.api.example.com.default.svc.cluster.local"),
              ElementsAre("www.api.example.com.corp.example.", "www.api.example.com."));
  // Three labels could be a host "www" of a service "example" in a namespace "com".
  EXPECT_THAT(possible_candidates(list, "www.example.com.default.svc.cluster.local"),
              ElementsAre("www.example.com.svc.cluster.local.", "www.example.com.corp.example.", "www.example.com."));
  // Two labels could also be a host "example" of a service "com".
  EXPECT_THAT(possible_candidates(list, "example.com.default.svc.cluster.local"),
              ElementsAre("example.com.default.svc.cluster.local.", "example.com.svc.cluster.local.",
                          "example.com.corp.example.", "example.com."));
}

std::vector<std::string> guards(const SearchList& list, std::string_view base) {
  auto wire = name_of(base);
  wire.pop_back();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list.guard_count(); ++i) {
    dns::Buffer name;
    if (list.append_guard(wire, i, name)) names.push_back(dns::to_text(name));
  }
  return names;
}

TEST(SearchListWalk, GuardsAreTheServiceAndTheNamespaceOfTheLastLabel) {
  EXPECT_THAT(guards(pods_list(), "s-0.app"), ElementsAre("app.default.svc.cluster.local.", "app.svc.cluster.local."));
  EXPECT_THAT(guards(list_of({"corp.example"}, 2), "www.lab"), ElementsAre("lab.corp.example."));
}

TEST(SearchListWalk, HowFarItMayGo) {
  const auto plan_of = [](std::string_view base, const SearchList& list) {
    auto wire = name_of(base);
    wire.pop_back();
    const auto plan = list.plan_for(wire);
    return std::tuple(plan.inner, plan.bare_is_inner, plan.may_leave);
  };
  const auto list = pods_list();
  EXPECT_EQ(plan_of("www.example.com", list), std::tuple(3U, false, true));
  // This may be a pod "s-0" of a Service "app", or a host of another domain.
  EXPECT_EQ(plan_of("s-0.app", list), std::tuple(3U, false, false));
  EXPECT_EQ(plan_of("_http._tcp.web", list), std::tuple(3U, false, false));
  for (const auto* name : {"api.prod.svc", "api.prod.SVC", "10-0-0-1.prod.pod"})
    EXPECT_EQ(plan_of(name, list), std::tuple(3U, false, false)) << name;
  for (const auto* name : {"api.prod.svc.cluster.local", "cluster.LOCAL"})
    EXPECT_EQ(plan_of(name, list), std::tuple(3U, false, false)) << name << ": libc asks for it in corp.example first";
  const auto cluster_alone = list_of({"default.svc.cluster.local", "svc.cluster.local", "cluster.local"});
  EXPECT_EQ(plan_of("api.prod.svc.cluster.local", cluster_alone), std::tuple(3U, true, false));
  EXPECT_EQ(plan_of("api.prod.svc", cluster_alone), std::tuple(3U, false, false));
  EXPECT_EQ(plan_of("lab.printer.local", list), std::tuple(3U, false, true));
  EXPECT_EQ(plan_of("x.a.mycluster.local", list), std::tuple(3U, false, true));
  // If no cluster is known, no name is excluded.
  EXPECT_EQ(plan_of("api.prod.svc", list_of({"corp.example", "lab.example"}, 2)), std::tuple(1U, false, true));
}

TEST(SearchListWalk, WhichCandidateLiesInTheNamespaceOfTheSecondGuard) {
  const auto candidate_of = [](std::string_view base, const SearchList& list) {
    auto wire = name_of(base);
    wire.pop_back();
    return list.plan_for(wire).in_guarded_namespace;
  };
  EXPECT_EQ(candidate_of("www.example.com", pods_list()), 1U);
  EXPECT_EQ(
      candidate_of("www.example.com", list_of({"default.svc.cluster.local", "cluster.local", "SVC.cluster.local"})),
      2U);
  // The list does not have the domain, or the second guard is not asked for.
  EXPECT_EQ(candidate_of("www.example.com", list_of({"default.svc.cluster.local", "cluster.local"})), std::nullopt);
  EXPECT_EQ(candidate_of("s-0.app", pods_list()), std::nullopt);
  EXPECT_EQ(candidate_of("www.example.com", list_of({"corp.example", "lab.example"})), std::nullopt);
}

TEST(SearchListWalk, NamesThatLeadToADomain) {
  const auto list = pods_list();
  for (const auto* name : {"default.svc.cluster.local", "SVC.cluster.local", "cluster.local", "local", "corp.example"})
    EXPECT_TRUE(list.leads_to_domain(name_of(name))) << name;
  for (const auto* name : {"web.default.svc.cluster.local", "other.svc.cluster.local", "lab.example"})
    EXPECT_FALSE(list.leads_to_domain(name_of(name))) << name;
}

TEST(SearchListWalk, ServicesByShortNames) {
  const auto list = pods_list();
  EXPECT_THAT(possible_candidates(list, "api.prod.svc.default.svc.cluster.local"),
              ElementsAre("api.prod.svc.svc.cluster.local.", "api.prod.svc.cluster.local.",
                          "api.prod.svc.corp.example.", "api.prod.svc."));
}

// With ndots 5 libc also walks for the full name of a service: the base itself ends in a search domain.
TEST(SearchListWalk, AFullNameIsLeftAsItIs) {
  const auto list = list_of({"default.svc.cluster.local", "svc.cluster.local", "cluster.local"});
  EXPECT_THAT(possible_candidates(list, "kubernetes.default.svc.cluster.local.default.svc.cluster.local"),
              ElementsAre("kubernetes.default.svc.cluster.local."));
  EXPECT_THAT(possible_candidates(list, "api.prod.svc.cluster.local.default.svc.cluster.local"),
              ElementsAre("api.prod.svc.cluster.local."));
}

}  // namespace
}  // namespace pillion::resolve
