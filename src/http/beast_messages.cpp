#include "http/beast_messages.hpp"

#include <array>
#include <ctime>
#include <string>
#include <utility>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>

namespace pillion::http {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

/// A date as RFC 9110 section 5.6.7 writes it.
std::string http_date(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

std::optional<std::string> field_of(const Parser::value_type& request, http::field field) {
  const auto found = request.find(field);
  return found == request.end() ? std::nullopt : std::optional(std::string(found->value()));
}

}  // namespace

BeastResponse make_response(HttpResponse reply, unsigned version, bool keep_alive) {
  BeastResponse response(reply.status, version);
  response.set(http::field::date, http_date(std::time(nullptr)));
  response.set(http::field::content_type, beast::string_view(reply.content_type.data(), reply.content_type.size()));
  response.set(http::field::cache_control, "no-store");
  for (const auto& [name, value] : reply.fields) response.set(beast::string_view(name.data(), name.size()), value);
  response.keep_alive(keep_alive);
  response.body() = std::move(reply.body);
  response.prepare_payload();
  return response;
}

std::optional<http::status> refusal(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return http::status::request_header_fields_too_large;
  }
  if (error == http::error::body_limit) return http::status::payload_too_large;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error.category() == http::make_error_code(http::error::bad_method).category()) return http::status::bad_request;
  return std::nullopt;  // the connection failed, or its deadline passed
}

bool has_valid_host(const Parser& parser) {
  return parser.get().version() < 11 || parser.get().count(http::field::host) == 1;
}

RequestContext read_request(const Parser::value_type& message, const boost::asio::ip::address& local_address) {
  RequestContext request;
  request.method = message.method();
  const auto target = message.target();
  if (auto parsed = parse_target({target.data(), target.size()})) request.target = std::move(*parsed);
  request.fields = {.host = field_of(message, http::field::host),
                    .origin = field_of(message, http::field::origin),
                    .fetch_site = field_of(message, http::field::sec_fetch_site),
                    .content_type = field_of(message, http::field::content_type),
                    .if_none_match = field_of(message, http::field::if_none_match)};
  request.local_address = local_address;
  return request;
}

}  // namespace pillion::http
