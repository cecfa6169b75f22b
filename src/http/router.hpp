#pragma once
// What the HTTP server answers. Knows nothing of DNS and of sockets: the pages' contents come from callbacks.

#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>  // Boost 1.81's string_view needs it and does not say so
#include <string>
#include <string_view>
#include <vector>

#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

namespace pillion::http {

/// /healthz and /livez ask `live`, /readyz `ready`, /startupz `startup`.
enum class HealthProbe : std::uint8_t { live, ready, startup };

struct Reason {
  bool ok;
  std::string text;  ///< "listeners bound", "draining"
};
struct HealthReport {
  bool ok;
  std::vector<Reason> reasons;
};

/// Called on the server's executor; must not block. What they throw becomes 500.
struct Routes {
  std::function<std::string()> metrics;  ///< text exposition format 0.0.4
  std::function<HealthReport(HealthProbe)> health;
};

struct HttpResponse {
  boost::beast::http::status status = boost::beast::http::status::ok;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// The path and the query of a request target.
struct RequestTarget {
  std::string_view path;
  std::string_view query;  ///< without the question mark
};
/// Takes origin-form and absolute-form (RFC 9112 3.2.1, 3.2.2); none for anything else. Nothing is percent-decoded: no
/// path here needs it.
[[nodiscard]] std::optional<RequestTarget> parse_target(std::string_view target);

/// True for `name` and `name=anything` among the query's parameters.
[[nodiscard]] bool has_parameter(std::string_view query, std::string_view name);

/// The answer to a request: 200 and 503 from the routes, 400 for a malformed target, 404, 405 for all but GET and HEAD.
[[nodiscard]] HttpResponse route(const Routes& routes, boost::beast::http::verb method, std::string_view target);

/// A reply that only says its status: "404 Not Found".
[[nodiscard]] HttpResponse plain_response(boost::beast::http::status status);

}  // namespace pillion::http
