#include "http/assets.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gmock/gmock.h>

namespace pillion::http {
namespace {

using boost::beast::http::status;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const Asset& asset_at(std::string_view path) {
  const auto all = assets();
  const auto found = std::ranges::find(all, path, &Asset::path);
  if (found == all.end()) throw std::runtime_error("no asset at " + std::string(path));
  return *found;
}

HttpResponse answer_to(const Asset& asset, std::string if_none_match) {
  RequestContext request;
  if (!if_none_match.empty()) request.fields.if_none_match = std::move(if_none_match);
  return serve_asset(asset, request);
}

TEST(Assets, ThePageIsAtTheRootAndItsPartsBesideIt) {
  EXPECT_THAT(asset_at("/").content, HasSubstr("<!doctype html>"));
  EXPECT_EQ(asset_at("/").content_type, "text/html; charset=utf-8");
  EXPECT_EQ(asset_at("/page.js").content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(asset_at("/page.css").content_type, "text/css; charset=utf-8");
  EXPECT_EQ(asset_at("/icon.svg").content_type, "image/svg+xml");
}

TEST(Assets, EachHasATagOfItsOwn) {
  std::set<std::string_view> tags;
  for (const auto& asset : assets()) {
    EXPECT_TRUE(asset.entity_tag.size() == 18 && asset.entity_tag.front() == '"' && asset.entity_tag.back() == '"');
    EXPECT_TRUE(tags.insert(asset.entity_tag).second) << asset.path;
  }
}

TEST(Assets, IsSentWithItsTagToWhoeverHasNoneOrAnOlderOne) {
  const auto& page = asset_at("/");
  for (const auto* const held : {"", R"("0123456789abcdef")", R"(W/"old", "older")"}) {
    const auto response = answer_to(page, held);
    EXPECT_EQ(response.status, status::ok);
    EXPECT_EQ(response.body, page.content);
    EXPECT_THAT(response.fields, Contains(Pair("ETag", std::string(page.entity_tag))));
    EXPECT_THAT(response.fields, Contains(Pair("Cache-Control", "no-cache")));
  }
}

TEST(Assets, IsNotSentAgainToWhoeverHasIt) {
  const auto& page = asset_at("/");
  const std::string tag(page.entity_tag);
  for (const auto& held : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const auto response = answer_to(page, held);
    EXPECT_EQ(response.status, status::not_modified) << held;
    EXPECT_THAT(response.body, IsEmpty());
    EXPECT_THAT(response.fields, Contains(Pair("ETag", tag)));
  }
}

}  // namespace
}  // namespace pillion::http
