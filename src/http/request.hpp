#pragma once
// A request as handlers see it, and what they make of it. Knows nothing of sockets.

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

/// One `name=value` of a request's query, decoded; `name` alone has an empty value.
struct Parameter {
  std::string name;
  std::string value;
};

/// The path and the query of a request target.
struct RequestTarget {
  std::string path;  ///< as it was sent: nothing is percent-decoded, since no path here needs it
  std::vector<Parameter> parameters;

  /// The first value of a parameter; nullptr where there is none.
  [[nodiscard]] const std::string* find(std::string_view name) const;
};
/// Takes origin-form and absolute-form (RFC 9112 3.2.1, 3.2.2); nullopt for anything else.
[[nodiscard]] std::optional<RequestTarget> parse_target(std::string_view target);

/// The header fields that handlers and guards look at; nullopt where the request has none of that name.
struct RequestFields {
  std::optional<std::string> host;
  std::optional<std::string> origin;
  std::optional<std::string> fetch_site;  ///< Sec-Fetch-Site
  std::optional<std::string> content_type;
  std::optional<std::string> if_none_match;
};

struct RequestContext {
  boost::beast::http::verb method = boost::beast::http::verb::get;
  RequestTarget target;  ///< without a path where the request's is no target for a server
  RequestFields fields;
  std::string body;                        ///< empty unless the route takes one
  boost::asio::ip::address local_address;  ///< where the connection has arrived

  [[nodiscard]] bool is_read() const {
    return method == boost::beast::http::verb::get || method == boost::beast::http::verb::head;
  }
};

/// A response's body that is written as it comes about.
class ResponseStream {
 public:
  ResponseStream() = default;
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;

  /// False once the client is gone, or has not read in time: then nothing more can be written.
  [[nodiscard]] virtual boost::asio::awaitable<bool> write(std::string text) = 0;

 protected:
  ~ResponseStream() = default;
};

struct HttpResponse {
  boost::beast::http::status status = boost::beast::http::status::ok;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::vector<std::pair<std::string_view, std::string>> fields = {};  ///< besides those of every response
  /// Where there is one, what it writes is the body, and the connection closes when it has ended.
  std::function<boost::asio::awaitable<void>(ResponseStream&)> stream = {};
};

/// Called on the server's executor; must not block. What it throws becomes 500. The request outlives the response.
using Handler = std::function<boost::asio::awaitable<HttpResponse>(const RequestContext&)>;

/// `response` as a handler that does not wait gives it.
[[nodiscard]] boost::asio::awaitable<HttpResponse> respond(HttpResponse response);

/// A reply that only says its status: "404 Not Found", and the detail where there is one.
[[nodiscard]] HttpResponse plain_response(boost::beast::http::status status, std::string_view detail = {});

/// What is served at one path, which has to match exactly.
struct HttpRoute {
  boost::beast::http::verb method = boost::beast::http::verb::get;  ///< GET stands for HEAD too
  std::string_view path;                                            ///< of static storage
  Handler handler;
  bool takes_body = false;
};

/// What one server serves.
struct Site {
  std::vector<HttpRoute> routes;
  /// Looks at each request before its body is read; a response refuses it. None: all are welcome.
  std::function<std::optional<HttpResponse>(const RequestContext&)> guard = {};
  /// How this site says that a request cannot be served.
  HttpResponse (*refuse)(boost::beast::http::status status, std::string_view detail) = plain_response;
  /// Of every response.
  std::vector<std::pair<std::string_view, std::string>> fields = {};
};

/// The route for a request, or the response that says why there is none: 404, or 405 with the methods of its path.
struct Routed {
  const HttpRoute* route = nullptr;
  HttpResponse refusal = {};
};
[[nodiscard]] Routed find_route(const Site& site, const RequestContext& request);

}  // namespace pillion::http
