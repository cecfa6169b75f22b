#pragma once
// Between the messages of Boost.Beast and those that handlers see.

#include <optional>

#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

#include "http/request.hpp"

namespace pillion::http {

/// Reads one request.
using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
using BeastResponse = boost::beast::http::response<boost::beast::http::string_body>;

/// `version` is 10 or 11, as in Beast. The response has a date (RFC 9110 section 6.6.1). Clients must not store it
/// (RFC 9111 section 5.2.2.5), unless `reply` has a Cache-Control field of its own.
[[nodiscard]] BeastResponse make_response(HttpResponse reply, unsigned version, bool keep_alive);

/// The status for a request that could not be read, or nullopt if the client would not read a response.
[[nodiscard]] std::optional<boost::beast::http::status> refusal(const boost::beast::error_code& error);

/// True if the request has exactly one Host field, or is older than HTTP/1.1 (RFC 9112 section 3.2).
[[nodiscard]] bool has_valid_host(const Parser& parser);

/// Reads everything but the body. The path is empty if the request target is invalid. `local_address` is that of the
/// connection.
[[nodiscard]] RequestContext read_request(const Parser::value_type& message,
                                          const boost::asio::ip::address& local_address);

}  // namespace pillion::http
