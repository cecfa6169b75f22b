#pragma once
// A request as handlers see it, and their response. Independent of sockets.

#include <functional>
#include <optional>
#include <ostream>  // Boost 1.81's string_view needs it and does not say so
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

namespace pillion::http {

/// One `name=value` of a request's query, decoded. A `name` without `=` has an empty value.
struct Parameter {
  std::string name;
  std::string value;
};

/// The path and the query of a request target.
struct RequestTarget {
  std::string path;                   ///< as sent: not percent-decoded, since no route needs it
  std::vector<Parameter> parameters;  ///< in their order

  /// The first value of the parameter, or nullptr if there is none.
  [[nodiscard]] const std::string* find(std::string_view name) const;
};
/// Parses origin-form and absolute-form (RFC 9112 3.2.1, 3.2.2). Returns nullopt for everything else, and for
/// absolute-form with another scheme than http or without a host.
[[nodiscard]] std::optional<RequestTarget> parse_target(std::string_view target);

/// The header fields that handlers and guards read, as sent. Each is nullopt if the request does not have it.
struct RequestFields {
  std::optional<std::string> host;
  std::optional<std::string> origin;
  std::optional<std::string> fetch_site;  ///< Sec-Fetch-Site (W3C Fetch Metadata)
  std::optional<std::string> content_type;
  std::optional<std::string> if_none_match;
};

/// What handlers and guards see of a request.
struct RequestContext {
  boost::beast::http::verb method = boost::beast::http::verb::get;
  RequestTarget target;  ///< its path is empty if the request target is invalid
  RequestFields fields;
  std::string body;                        ///< empty unless the route has `takes_body`
  boost::asio::ip::address local_address;  ///< the server's address of this connection

  /// True if the method asks for no change.
  [[nodiscard]] bool is_read() const {
    return method == boost::beast::http::verb::get || method == boost::beast::http::verb::head;
  }
};

/// A response body that is written piece by piece.
class ResponseStream {
 public:
  ResponseStream() = default;
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;

  /// Writes `text` whole, within HttpServerOptions::write_timeout. False if the client is gone or did not read in
  /// time; nothing more can be written then.
  [[nodiscard]] virtual boost::asio::awaitable<bool> write(std::string text) = 0;

 protected:
  ~ResponseStream() = default;
};

/// A response. Views of texts have static storage.
struct HttpResponse {
  boost::beast::http::status status = boost::beast::http::status::ok;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::vector<std::pair<std::string_view, std::string>> fields = {};  ///< in addition to the fields of every response
  /// If set, this function writes the body, and the connection closes when it returns.
  std::function<boost::asio::awaitable<void>(ResponseStream&)> stream = {};
};

/// Called on the server's executor. Must not block. An exception becomes a 500. The request outlives the response.
using Handler = std::function<boost::asio::awaitable<HttpResponse>(const RequestContext&)>;

/// Makes the result of a handler that does not wait.
[[nodiscard]] boost::asio::awaitable<HttpResponse> respond(HttpResponse response);

/// A plain-text response: "404 Not Found", followed by `detail` unless it is empty.
[[nodiscard]] HttpResponse plain_response(boost::beast::http::status status, std::string_view detail = {});

/// A handler for one path, which a request's path must equal, and one method.
struct HttpRoute {
  boost::beast::http::verb method = boost::beast::http::verb::get;  ///< GET, which includes HEAD, or POST
  std::string_view path;                                            ///< static storage
  Handler handler;
  bool takes_body = false;  ///< True if the server reads a body; else a request with one ends its connection
};

/// Everything that one server serves.
struct Site {
  std::vector<HttpRoute> routes;
  /// Called for each request before its body is read. A returned response refuses the request. Empty: nothing is
  /// refused.
  std::function<std::optional<HttpResponse>(const RequestContext&)> guard = {};
  /// Makes the response that refuses a request.
  HttpResponse (*refuse)(boost::beast::http::status status, std::string_view detail) = plain_response;
  /// Header fields of every response. The names have static storage.
  std::vector<std::pair<std::string_view, std::string>> fields = {};
};

struct RouteMatch {
  const HttpRoute* route = nullptr;  ///< nullptr if the request is refused
  HttpResponse refusal = {};         ///< unused if there is a route
};
/// The route of a request, or the response that refuses it: 404, or 405 with the methods of the path (RFC 9110
/// sections 15.5.5 and 15.5.6). The result refers to `site`.
[[nodiscard]] RouteMatch find_route(const Site& site, const RequestContext& request);

}  // namespace pillion::http
