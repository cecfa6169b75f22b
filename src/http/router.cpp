#include "http/router.hpp"

#include <array>
#include <utility>

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

/// A failed probe always lists its reasons, since Kubernetes shows the body in the pod's events.
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

std::optional<HttpResponse> refuse_changes(const RequestContext& request) {
  if (request.is_read()) return std::nullopt;
  auto refusal = plain_response(http::status::method_not_allowed);
  refusal.fields.emplace_back("Allow", "GET, HEAD");
  return refusal;
}

}  // namespace

Site read_only_site(ReadOnlySources sources) {
  Site site;
  site.guard = refuse_changes;
  site.routes.push_back({.path = "/metrics", .handler = [metrics = std::move(sources.metrics)](const RequestContext&) {
                           return respond({.content_type = metrics_content_type, .body = metrics()});
                         }});
  for (const auto& [path, probe] : probe_paths) {
    site.routes.push_back({.path = path, .handler = [health = sources.health, probe](const RequestContext& request) {
                             return respond(health_response(health(probe), request.target.find("verbose") != nullptr));
                           }});
  }
  return site;
}

}  // namespace pillion::http
