#pragma once
// Files that are part of the program: the OpenAPI document, and what is in http/page. They are embedded at each build
// (http/assets.cmake).

#include <span>
#include <string_view>

#include "http/request.hpp"

namespace pillion::http {

struct Asset {
  std::string_view path;  ///< where it is served
  std::string_view content_type;
  std::string_view entity_tag;  ///< in quotes; another one where the file is another (RFC 9110 8.8.3)
  std::string_view content;
};

/// Of static storage.
[[nodiscard]] std::span<const Asset> assets();

/// The asset, or 304 where the client has it. A browser may keep it and has to ask each time, so that a page is never
/// older than the program that its figures are of.
[[nodiscard]] HttpResponse serve_asset(const Asset& asset, const RequestContext& request);

}  // namespace pillion::http
