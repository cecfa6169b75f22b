#pragma once
// One request for a health path over HTTP.

#include <chrono>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace pillion::cli {

struct HealthResponse {
  bool is_healthy = false;  ///< the status is 200
  std::string status;       ///< "503 Service Unavailable"
  std::string body;         ///< lines
};

/// Asks `addresses`, which are of one server, one after the other for `path`, until one answers, at the latest at
/// `deadline`. The error says of each why it did not.
[[nodiscard]] std::expected<HealthResponse, std::string> request_health(const std::vector<config::Endpoint>& addresses,
                                                                        std::string_view path,
                                                                        std::chrono::steady_clock::time_point deadline);

}  // namespace pillion::cli
