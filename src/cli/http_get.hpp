#pragma once
// One request over HTTP.

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace pillion::cli {

struct HttpReply {
  bool is_ok = false;  ///< the status is 200
  std::string status;  ///< "503 Service Unavailable"
  std::string body;
};

/// Asks `addresses`, which are of one server, one after the other for `path`, until one answers, at the latest at
/// `deadline`. A longer body than `body_limit` bytes is an error. The error says of each why it did not.
[[nodiscard]] std::expected<HttpReply, std::string> http_get(const std::vector<config::Endpoint>& addresses,
                                                             std::string_view path,
                                                             std::chrono::steady_clock::time_point deadline,
                                                             std::uint64_t body_limit);

}  // namespace pillion::cli
