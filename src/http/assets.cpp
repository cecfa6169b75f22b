#include "http/assets.hpp"

#include <string>

namespace pillion::http {
namespace {

/// True if `list`, the value of If-None-Match (entity tags or *), has `tag`. Weak tags compare like strong ones (RFC
/// 9110 13.1.2).
bool holds_tag(std::string_view list, std::string_view tag) {
  return list == "*" || list.find(tag) != std::string_view::npos;
}

}  // namespace

HttpResponse serve_asset(const Asset& asset, const RequestContext& request) {
  HttpResponse response{.content_type = asset.content_type,
                        .fields = {{"Cache-Control", "no-cache"}, {"ETag", std::string(asset.entity_tag)}}};
  const auto& held = request.fields.if_none_match;
  if (held && holds_tag(*held, asset.entity_tag)) {
    response.status = boost::beast::http::status::not_modified;
  } else {
    response.body = asset.content;
  }
  return response;
}

}  // namespace pillion::http
