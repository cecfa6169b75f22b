#include "admin/json.hpp"

#include <array>
#include <cstdio>
#include <ctime>

#include <boost/json/serialize.hpp>

namespace pillion::admin {
namespace json = boost::json;
namespace beast_http = boost::beast::http;

std::string to_rfc3339(WallTime time) {
  const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const auto whole = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const std::time_t unix_seconds = whole.count();
  std::tm parts{};
  ::gmtime_r(&unix_seconds, &parts);
  std::array<char, 40> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>((since_epoch - whole).count()));
  return std::string(text.data(), size) + fraction.data();
}

json::value or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return json::string(text);
}

json::object nonzero(std::span<const std::string_view> labels, std::span<const std::uint64_t> counts) {
  json::object object;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (counts[i] > 0) object[labels[i]] = counts[i];
  }
  return object;
}

json::object by_source(const BySource& counts) {
  json::object object;
  for (const auto source : runtime::enumerators<resolve::Source>)
    object[resolve::source_labels[source]] = counts[source];
  return object;
}

http::HttpResponse json_response(const json::value& value, beast_http::status status) {
  return {.status = status, .content_type = "application/json", .body = json::serialize(value) + "\n"};
}

http::HttpResponse problem_response(beast_http::status status, std::string_view detail) {
  json::object problem;
  const auto reason = beast_http::obsolete_reason(status);
  problem["type"] = "about:blank";
  problem["title"] = json::string_view(reason.data(), reason.size());
  problem["status"] = static_cast<unsigned>(status);
  problem["detail"] = detail;
  auto response = json_response(problem, status);
  response.content_type = "application/problem+json";
  return response;
}

}  // namespace pillion::admin
