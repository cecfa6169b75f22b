#include "http/request.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace pillion::http {
namespace {

using boost::beast::http::status;
using boost::beast::http::verb;

TEST(Target, PathsAndQueries) {
  const auto path = [](std::string_view target) { return parse_target(target).value().path; };
  EXPECT_EQ(path("/"), "/");
  EXPECT_EQ(path("/readyz?verbose"), "/readyz");
  EXPECT_EQ(path("/%72eadyz"), "/%72eadyz") << "a path is matched as it was sent";
  EXPECT_EQ(path("http://pod:9153/metrics?x=1"), "/metrics");
  EXPECT_EQ(path("HTTP://[::1]:9153/metrics"), "/metrics");
  EXPECT_EQ(path("http://pod"), "/");
  EXPECT_EQ(path("http://pod?q"), "/");
  for (const auto* bad : {"", "metrics", "*", "?verbose", "pod:9153", "http:///metrics", "http://", "ftp://pod/x",
                          "http:", "https://pod/", "/metrics#x", "/%zz", "/a b", "/\"", "/a?%"}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
}

TEST(Target, ParametersAreDecoded) {
  const auto target = parse_target("/x?verbose&name=a%2eb&name=c&empty=&q=a?b&plus=a+b").value();
  const auto value = [&](std::string_view name) { return target.find(name) == nullptr ? "none" : *target.find(name); };
  EXPECT_EQ(value("verbose"), "");
  EXPECT_EQ(value("name"), "a.b") << "the first one";
  EXPECT_EQ(value("empty"), "");
  EXPECT_EQ(value("q"), "a?b");
  EXPECT_EQ(value("verbos"), "none");
  EXPECT_EQ(value("verbosee"), "none");
  EXPECT_EQ(parse_target("/readyz").value().find("verbose"), nullptr);
  EXPECT_EQ(parse_target("/readyz?").value().find("verbose"), nullptr);
  EXPECT_EQ(parse_target("/readyz?a=verbose").value().find("verbose"), nullptr);
}

class RoutesTest : public testing::Test {
 protected:
  RoutesTest() {
    const auto nothing = [](const RequestContext&) { return respond({}); };
    site_.routes.push_back({.method = verb::get, .path = "/a", .handler = nothing});
    site_.routes.push_back({.method = verb::post, .path = "/a", .handler = nothing});
    site_.routes.push_back({.method = verb::post, .path = "/b", .handler = nothing});
  }
  RouteMatch find(verb method, std::string path) {
    RequestContext request;
    request.method = method;
    request.target.path = std::move(path);
    return find_route(site_, request);
  }
  Site site_;
};

TEST_F(RoutesTest, MethodAndPathMatchExactly) {
  EXPECT_EQ(find(verb::get, "/a").route, site_.routes.data());
  EXPECT_EQ(find(verb::head, "/a").route, site_.routes.data());
  EXPECT_EQ(find(verb::post, "/a").route, &site_.routes[1]);
  for (const auto* path : {"/", "/a/", "/A", "//a", "/a/b", "/aa", "/%61"}) {
    const auto found = find(verb::get, path);
    EXPECT_EQ(found.route, nullptr) << path;
    EXPECT_EQ(found.refusal.status, status::not_found) << path;
  }
}

TEST_F(RoutesTest, AnotherMethodIsToldTheOnesOfThePath) {
  using Fields = std::vector<std::pair<std::string_view, std::string>>;
  const auto refused = find(verb::delete_, "/a").refusal;
  EXPECT_EQ(refused.status, status::method_not_allowed);
  EXPECT_EQ(refused.fields, (Fields{{"Allow", "GET, HEAD, POST"}}));
  EXPECT_EQ(find(verb::get, "/b").refusal.fields, (Fields{{"Allow", "POST"}}));
}

}  // namespace
}  // namespace pillion::http
