#include "http/router.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace pillion::http {
namespace {

using boost::beast::http::status;
using boost::beast::http::verb;

Routes routes(bool healthy = true) {
  return {.metrics = [] { return std::string("m 1\n"); },
          .health =
              [healthy](HealthProbe probe) {
                HealthReport health{healthy, {{true, "listeners bound"}}};
                if (probe == HealthProbe::ready) health.reasons.push_back({healthy, "not draining"});
                return health;
              }};
}

TEST(Router, Targets) {
  const auto path = [](std::string_view target) { return parse_target(target).value().path; };
  const auto query = [](std::string_view target) { return parse_target(target).value().query; };
  EXPECT_EQ(path("/"), "/");
  EXPECT_EQ(path("/readyz?verbose"), "/readyz");
  EXPECT_EQ(query("/readyz?verbose"), "verbose");
  EXPECT_EQ(query("/readyz?"), "");
  EXPECT_EQ(query("/readyz"), "");
  EXPECT_EQ(query("/a?b?c"), "b?c");
  EXPECT_EQ(path("http://pod:9153/metrics?x=1"), "/metrics");
  EXPECT_EQ(query("HTTP://pod:9153/metrics?x=1"), "x=1");
  EXPECT_EQ(path("http://pod"), "/");
  EXPECT_EQ(path("http://pod?q"), "/");
  EXPECT_EQ(query("http://pod?q"), "q");
  for (const auto* bad :
       {"", "metrics", "*", "?verbose", "pod:9153", "http:///metrics", "http://", "ftp://pod/x", "http:"}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
}

TEST(Router, Parameters) {
  EXPECT_TRUE(has_parameter("verbose", "verbose"));
  EXPECT_TRUE(has_parameter("verbose=", "verbose"));
  EXPECT_TRUE(has_parameter("a=1&verbose=true&b", "verbose"));
  EXPECT_TRUE(has_parameter("&&verbose", "verbose"));
  EXPECT_FALSE(has_parameter("", "verbose"));
  EXPECT_FALSE(has_parameter("&", "verbose"));
  EXPECT_FALSE(has_parameter("verbos", "verbose"));
  EXPECT_FALSE(has_parameter("verbosee", "verbose"));
  EXPECT_FALSE(has_parameter("a=verbose", "verbose"));
}

TEST(Router, Metrics) {
  const auto reply = route(routes(), verb::get, "/metrics");
  EXPECT_EQ(reply.status, status::ok);
  EXPECT_EQ(reply.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(reply.body, "m 1\n");
}

TEST(Router, HealthyProbesListReasonsWhenAsked) {
  for (const auto* path : {"/healthz", "/livez", "/readyz", "/startupz"}) {
    const auto reply = route(routes(), verb::get, path);
    EXPECT_EQ(reply.status, status::ok) << path;
    EXPECT_EQ(reply.body, "ok\n") << path;
    EXPECT_EQ(reply.content_type, "text/plain; charset=utf-8");
  }
  EXPECT_EQ(route(routes(), verb::get, "/livez?verbose").body, "[+]listeners bound\nok\n");
  EXPECT_EQ(route(routes(), verb::get, "/readyz?verbose=1").body, "[+]listeners bound\n[+]not draining\nok\n");
  EXPECT_EQ(route(routes(), verb::get, "/readyz?timeout=3").body, "ok\n");
}

TEST(Router, FailedProbesAre503AndSayWhy) {
  for (const auto* target : {"/readyz", "/readyz?verbose"}) {
    const auto reply = route(routes(false), verb::get, target);
    EXPECT_EQ(reply.status, status::service_unavailable);
    EXPECT_EQ(reply.body, "[+]listeners bound\n[-]not draining\nnot ok\n");
  }
}

TEST(Router, EachPathAsksItsProbe) {
  std::string asked;
  auto recording = routes();
  recording.health = [&](HealthProbe probe) {
    asked += probe == HealthProbe::live ? 'l' : probe == HealthProbe::ready ? 'r' : 's';
    return HealthReport{true, {}};
  };
  for (const auto* path : {"/healthz", "/livez", "/readyz", "/startupz"}) {
    EXPECT_EQ(route(recording, verb::get, path).status, status::ok);
  }
  EXPECT_EQ(asked, "llrs");
}

TEST(Router, WhatIsNotThere) {
  for (const auto* target :
       {"/", "/metrics/", "/Metrics", "//metrics", "/metrics%20", "/..", "/metrics#x", "/%6detrics"}) {
    const auto reply = route(routes(), verb::get, target);
    EXPECT_EQ(reply.status, status::not_found) << target;
    EXPECT_EQ(reply.body, "404 Not Found\n");
  }
  EXPECT_EQ(route(routes(), verb::get, "*").status, status::bad_request);
}

TEST(Router, OnlyGetAndHead) {
  EXPECT_EQ(route(routes(), verb::head, "/metrics").status, status::ok);
  for (const auto method :
       {verb::post, verb::put, verb::delete_, verb::options, verb::trace, verb::connect, verb::unknown}) {
    EXPECT_EQ(route(routes(), method, "/metrics").status, status::method_not_allowed);
  }
}

}  // namespace
}  // namespace pillion::http
