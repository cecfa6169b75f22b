#include "http/router.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

namespace pillion::http {
namespace {

using boost::beast::http::status;
using boost::beast::http::verb;

ReadOnlySources sources(bool healthy = true) {
  return {.metrics = [] { return std::string("m 1\n"); },
          .health =
              [healthy](HealthProbe probe) {
                HealthReport health{healthy, {{true, "listeners bound"}}};
                if (probe == HealthProbe::ready) health.reasons.push_back({healthy, "not draining"});
                return health;
              }};
}

/// The site's response to a request, called like the server calls it.
HttpResponse route(const ReadOnlySources& from, verb method, std::string_view target) {
  const auto site = read_only_site(from);
  RequestContext request;
  request.method = method;
  if (auto parsed = parse_target(target)) request.target = std::move(*parsed);
  if (auto refusal = site.guard(request)) return std::move(*refusal);
  auto routed = find_route(site, request);
  if (routed.route == nullptr) return std::move(routed.refusal);
  boost::asio::io_context io;
  auto reply = boost::asio::co_spawn(io, routed.route->handler(request), boost::asio::use_future);
  io.run();
  return reply.get();
}

TEST(Router, Metrics) {
  const auto reply = route(sources(), verb::get, "/metrics");
  EXPECT_EQ(reply.status, status::ok);
  EXPECT_EQ(reply.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(reply.body, "m 1\n");
}

TEST(Router, HealthyProbesListReasonsWhenAsked) {
  for (const auto* path : {"/healthz", "/livez", "/readyz", "/startupz"}) {
    const auto reply = route(sources(), verb::get, path);
    EXPECT_EQ(reply.status, status::ok) << path;
    EXPECT_EQ(reply.body, "ok\n") << path;
    EXPECT_EQ(reply.content_type, "text/plain; charset=utf-8");
  }
  EXPECT_EQ(route(sources(), verb::get, "/livez?verbose").body, "[+]listeners bound\nok\n");
  EXPECT_EQ(route(sources(), verb::get, "/readyz?verbose=1").body, "[+]listeners bound\n[+]not draining\nok\n");
  EXPECT_EQ(route(sources(), verb::get, "/readyz?timeout=3").body, "ok\n");
}

TEST(Router, FailedProbesAre503AndSayWhy) {
  for (const auto* target : {"/readyz", "/readyz?verbose"}) {
    const auto reply = route(sources(false), verb::get, target);
    EXPECT_EQ(reply.status, status::service_unavailable);
    EXPECT_EQ(reply.body, "[+]listeners bound\n[-]not draining\nnot ok\n");
  }
}

TEST(Router, EachPathAsksItsProbe) {
  std::string asked;
  auto recording = sources();
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
  for (const auto* target : {"/", "/metrics/", "/Metrics", "//metrics", "/metrics%20", "/..", "/%6detrics"}) {
    const auto reply = route(sources(), verb::get, target);
    EXPECT_EQ(reply.status, status::not_found) << target;
    EXPECT_EQ(reply.body, "404 Not Found\nthis server has no such path\n");
  }
}

TEST(Router, OnlyGetAndHead) {
  EXPECT_EQ(route(sources(), verb::head, "/metrics").status, status::ok);
  for (const auto method :
       {verb::post, verb::put, verb::delete_, verb::options, verb::trace, verb::connect, verb::unknown}) {
    EXPECT_EQ(route(sources(), method, "/metrics").status, status::method_not_allowed);
  }
}

}  // namespace
}  // namespace pillion::http
