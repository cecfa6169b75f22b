#pragma once
// Files that are part of the program: the OpenAPI document, and what is in http/page. They are embedded at each build
// (http/assets.cmake).

#include <span>
#include <string_view>

namespace pillion::http {

struct Asset {
  std::string_view path;  ///< where it is served
  std::string_view content_type;
  std::string_view content;
};

/// Of static storage.
[[nodiscard]] std::span<const Asset> assets();

}  // namespace pillion::http
