#include "admin/guard.hpp"

#include <string>

#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/url/authority_view.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace pillion::admin {
namespace {

namespace beast_http = boost::beast::http;
namespace urls = boost::urls;
using boost::asio::ip::address;

/// True if `host` (a name, "127.0.0.1" or "[::1]", as in a URL) is localhost, a loopback address, or the address
/// `local`.
bool is_our_host(std::string_view host, const address& local) {
  if (boost::beast::iequals(boost::beast::string_view(host.data(), host.size()), "localhost")) return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto literal = boost::asio::ip::make_address(std::string(host), error);
  return !error && (literal.is_loopback() || literal == local);
}

bool is_our_authority(std::string_view text, const address& local) {
  const auto authority = urls::parse_authority(text);
  return authority && !authority->has_userinfo() && is_our_host(std::string_view(authority->encoded_host()), local);
}

/// True if the origin has the same authority as the Host field (RFC 6454 section 6.2).
bool is_same_origin(std::string_view origin, std::string_view host) {
  constexpr std::string_view scheme = "http://";
  return origin.starts_with(scheme) && origin.substr(scheme.size()) == host;
}

bool is_json(const std::optional<std::string>& content_type) {
  if (!content_type) return false;
  const auto media_type = std::string_view(*content_type).substr(0, content_type->find(';'));
  const auto trimmed = media_type.substr(0, media_type.find_last_not_of(' ') + 1);
  return boost::beast::iequals(boost::beast::string_view(trimmed.data(), trimmed.size()), "application/json");
}

}  // namespace

std::optional<Refused> judge_request(const pillion::http::RequestContext& request, bool read_only) {
  const auto& fields = request.fields;
  if (!fields.host || !is_our_authority(*fields.host, request.local_address)) {
    return Refused{.status = beast_http::status::misdirected_request,
                   .detail = "the Host field must be localhost, a loopback address or the address of this server"};
  }
  // Browsers send this field with each request of a page. For the address bar and bookmarks it is "none".
  const bool is_of_other_site =
      (fields.fetch_site && *fields.fetch_site != "same-origin" && *fields.fetch_site != "none") ||
      (fields.origin && !is_same_origin(*fields.origin, *fields.host));
  if (is_of_other_site)
    return Refused{.status = beast_http::status::forbidden, .detail = "a page of another site sent this request"};
  if (request.is_read()) return std::nullopt;
  if (read_only) {
    return Refused{.status = beast_http::status::forbidden,
                   .detail = "this server is read-only; admin.read_only: false in the configuration allows changes"};
  }
  // A form on another site cannot send this content type, even in a browser that states no origin. No path has a
  // method other than POST that changes anything: the router refuses them.
  if (request.method == beast_http::verb::post && !is_json(fields.content_type)) {
    return Refused{.status = beast_http::status::unsupported_media_type,
                   .detail = "a POST needs Content-Type: application/json"};
  }
  return std::nullopt;
}

}  // namespace pillion::admin
