#include "http/request.hpp"

#include <algorithm>

#include <boost/beast/core/string.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace pillion::http {

namespace http = boost::beast::http;
namespace urls = boost::urls;

const std::string* RequestTarget::find(std::string_view name) const {
  const auto found = std::ranges::find(parameters, name, &Parameter::name);
  return found == parameters.end() ? nullptr : &found->value;
}

std::optional<RequestTarget> parse_target(std::string_view target) {
  const bool is_origin_form = target.starts_with('/');
  const auto url = is_origin_form ? urls::parse_origin_form(target) : urls::parse_absolute_uri(target);
  if (!url) return std::nullopt;
  // In absolute-form, a server only accepts an http URI with an authority.
  const bool is_http = url->scheme_id() == urls::scheme::http && url->has_authority() && !url->encoded_host().empty();
  if (!is_origin_form && !is_http) return std::nullopt;
  // http://host and http://host?query have an empty path (RFC 9110 4.2.3).
  const std::string_view path = url->encoded_path().empty() ? "/" : std::string_view(url->encoded_path());
  RequestTarget result{.path = std::string(path), .parameters = {}};
  // In Debian 13's Boost, params() yields views that do not convert to strings implicitly.
  for (const auto& parameter : url->params())
    result.parameters.push_back({std::string(parameter.key), std::string(parameter.value)});
  return result;
}

boost::asio::awaitable<HttpResponse> respond(HttpResponse response) {
  co_return std::move(response);
}

HttpResponse plain_response(http::status status, std::string_view detail) {
  HttpResponse reply;
  reply.status = status;
  reply.body = std::to_string(static_cast<unsigned>(status));
  reply.body += ' ';
  reply.body += http::obsolete_reason(status);
  reply.body += '\n';
  if (!detail.empty()) reply.body.append(detail).append("\n");
  return reply;
}

RouteMatch find_route(const Site& site, const RequestContext& request) {
  // HEAD has the routes of GET; the server leaves the body out.
  const auto method = request.method == http::verb::head ? http::verb::get : request.method;
  std::string allowed;
  for (const auto& route : site.routes) {
    if (route.path != request.target.path) continue;
    if (route.method == method) return {.route = &route, .refusal = {}};
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method == http::verb::get ? "GET, HEAD" : "POST";
  }
  if (allowed.empty())
    return {.route = nullptr, .refusal = site.refuse(http::status::not_found, "this server has no such path")};
  auto refusal = site.refuse(http::status::method_not_allowed, "this path allows " + allowed);
  refusal.fields.emplace_back("Allow", std::move(allowed));
  return {.route = nullptr, .refusal = std::move(refusal)};
}

}  // namespace pillion::http
