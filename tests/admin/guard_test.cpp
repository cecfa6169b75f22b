#include "admin/guard.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace pillion::admin {
namespace {

using boost::beast::http::status;
using boost::beast::http::verb;

http::RequestContext request(std::optional<std::string> host) {
  http::RequestContext context;
  context.fields.host = std::move(host);
  context.local_address = boost::asio::ip::make_address("10.1.2.3");
  return context;
}

std::optional<status> verdict(const http::RequestContext& context, bool read_only = false) {
  const auto refused = judge_request(context, read_only);
  return refused ? std::optional(refused->status) : std::nullopt;
}

TEST(Guard, HostsThatAreThisMachine) {
  for (const auto* host : {"localhost", "localhost:9154", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:9154",
                           "127.9.9.9:1", "[::1]", "[::1]:9154", "10.1.2.3:9154"}) {
    EXPECT_EQ(verdict(request(host)), std::nullopt) << host;
  }
}

TEST(Guard, EveryOtherHostIsMisdirected) {
  for (const auto* host : {"example.com", "localhost.example.com", "localhost.", "127.0.0.1.example.com", "10.1.2.4",
                           "0.0.0.0:9154", "evil@127.0.0.1", "[::2]", "", ":9154", "127.0.0.1:x", "127.1", "2130706433",
                           "0x7f000001", "[::ffff:8.8.8.8]", "127.0.0.1, example.com"}) {
    EXPECT_EQ(verdict(request(host)), status::misdirected_request) << host;
  }
  EXPECT_EQ(verdict(request(std::nullopt)), status::misdirected_request);
}

TEST(Guard, AnotherSitesRequestsAreForbidden) {
  auto context = request("localhost:9154");
  for (const auto* site : {"cross-site", "same-site", "something"}) {
    context.fields.fetch_site = site;
    EXPECT_EQ(verdict(context), status::forbidden) << site;
  }
  for (const auto* site : {"same-origin", "none"}) {
    context.fields.fetch_site = site;
    EXPECT_EQ(verdict(context), std::nullopt) << site;
  }
  context.fields.fetch_site = std::nullopt;
  for (const auto* origin :
       {"http://example.com", "https://localhost:9154", "http://localhost:9155", "http://localhost", "null", ""}) {
    context.fields.origin = origin;
    EXPECT_EQ(verdict(context), status::forbidden) << origin;
  }
  context.fields.origin = "http://localhost:9154";
  EXPECT_EQ(verdict(context), std::nullopt);
}

TEST(Guard, ChangesNeedTheSwitchAndJson) {
  auto context = request("localhost:9154");
  context.method = verb::post;
  context.fields.content_type = "application/json";
  EXPECT_EQ(verdict(context, true), status::forbidden);
  EXPECT_EQ(verdict(context, false), std::nullopt);
  context.fields.content_type = "Application/JSON; charset=utf-8";
  EXPECT_EQ(verdict(context), std::nullopt);
  for (const auto* type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""}) {
    context.fields.content_type = type;
    EXPECT_EQ(verdict(context), status::unsupported_media_type) << type;
  }
  context.fields.content_type = std::nullopt;
  EXPECT_EQ(verdict(context), status::unsupported_media_type);
  for (const auto method : {verb::put, verb::delete_, verb::options, verb::unknown}) {
    context.method = method;
    EXPECT_EQ(verdict(context, true), status::forbidden);
    EXPECT_EQ(verdict(context, false), std::nullopt) << "the router refuses it, since no path has this method";
  }
}

TEST(Guard, ReadingIsAllowedWhateverTheSwitchSays) {
  auto context = request("localhost");
  EXPECT_EQ(verdict(context, true), std::nullopt);
  context.method = verb::head;
  EXPECT_EQ(verdict(context, true), std::nullopt);
}

}  // namespace
}  // namespace pillion::admin
