#pragma once
// One HTTP request.

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace pillion::cli {

struct HttpReply {
  bool is_ok = false;  ///< True if the status is 200
  std::string status;  ///< "503 Service Unavailable"
  std::string body;
};

/// Asks the `addresses` of one server for `path`, one after the other, until one answers or `deadline` passes. A body
/// longer than `body_limit` bytes is an error. The error has the reason for each address.
[[nodiscard]] std::expected<HttpReply, std::string> http_get(const std::vector<config::Endpoint>& addresses,
                                                             std::string_view path,
                                                             std::chrono::steady_clock::time_point deadline,
                                                             std::uint64_t body_limit);

}  // namespace pillion::cli
