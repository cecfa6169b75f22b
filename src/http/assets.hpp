#pragma once
// Files that are part of the program: the OpenAPI document, and the files in http/page. http/assets.cmake embeds them
// at each build.

#include <span>
#include <string_view>

#include "http/request.hpp"

namespace pillion::http {

/// One of these files. The texts have static storage.
struct Asset {
  std::string_view path;  ///< the path that serves the file
  std::string_view content_type;
  std::string_view entity_tag;  ///< in quotes; changes with the content (RFC 9110 8.8.3)
  std::string_view content;
};

/// All embedded files. The span has static storage.
[[nodiscard]] std::span<const Asset> assets();

/// The asset, or 304 if the client's copy is current. A browser may keep a copy but must ask each time, so that a page
/// is never older than the program that it shows.
[[nodiscard]] HttpResponse serve_asset(const Asset& asset, const RequestContext& request);

}  // namespace pillion::http
