#include "http/router.hpp"

#include <algorithm>
#include <array>

#include <boost/beast/core/string.hpp>

namespace pillion::http {

namespace http = boost::beast::http;

namespace {

constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

struct ProbePath {
  std::string_view path;
  HealthProbe probe;
};
constexpr std::array<ProbePath, 4> probe_paths = {{
    {"/healthz", HealthProbe::live},
    {"/livez", HealthProbe::live},
    {"/readyz", HealthProbe::ready},
    {"/startupz", HealthProbe::startup},
}};

/// A failed probe lists its reasons unasked: the body ends up in the pod's events.
HttpResponse health_response(const HealthReport& health, bool verbose) {
  HttpResponse reply;
  if (!health.ok) reply.status = http::status::service_unavailable;
  if (verbose || !health.ok) {
    for (const auto& reason : health.reasons) {
      reply.body += reason.ok ? "[+]" : "[-]";
      reply.body += reason.text;
      reply.body += '\n';
    }
  }
  reply.body += health.ok ? "ok\n" : "not ok\n";
  return reply;
}

}  // namespace

std::optional<RequestTarget> parse_target(std::string_view target) {
  if (!target.starts_with('/')) {
    constexpr std::string_view scheme = "http://";
    if (!boost::beast::iequals(target.substr(0, scheme.size()), scheme)) return std::nullopt;
    target.remove_prefix(scheme.size());
    const auto authority = target.substr(0, target.find_first_of("/?"));
    if (authority.empty()) return std::nullopt;
    target.remove_prefix(authority.size());
  }
  const auto question = std::min(target.find('?'), target.size());
  RequestTarget result{target.substr(0, question), target.substr(std::min(question + 1, target.size()))};
  if (result.path.empty()) result.path = "/";  // http://host and http://host?query (RFC 9110 4.2.3)
  return result;
}

bool has_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto parameter = query.substr(0, query.find('&'));
    if (parameter.substr(0, parameter.find('=')) == name) return true;
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
  }
  return false;
}

HttpResponse route(const Routes& routes, http::verb method, std::string_view target) {
  if (method != http::verb::get && method != http::verb::head) return plain_response(http::status::method_not_allowed);
  const auto parsed = parse_target(target);
  if (!parsed) return plain_response(http::status::bad_request);
  if (parsed->path == "/metrics") return {http::status::ok, metrics_content_type, routes.metrics()};
  const auto* const found = std::ranges::find(probe_paths, parsed->path, &ProbePath::path);
  if (found == probe_paths.end()) return plain_response(http::status::not_found);
  return health_response(routes.health(found->probe), has_parameter(parsed->query, "verbose"));
}

HttpResponse plain_response(http::status status) {
  HttpResponse reply;
  reply.status = status;
  reply.body = std::to_string(static_cast<unsigned>(status));
  reply.body += ' ';
  reply.body += http::obsolete_reason(status);
  reply.body += '\n';
  return reply;
}

}  // namespace pillion::http
