// One request on a connection of the HTTP server, and its response.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "http/beast_messages.hpp"
#include "http/http_server.hpp"
#include "http/use_tuple.hpp"

namespace pillion::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

/// The time for which close_gently() reads what a client still sends, and the bytes that it reads at most.
constexpr std::chrono::seconds linger_timeout{2};
constexpr std::size_t linger_bytes = std::size_t{64} << 10U;

/// Decides on a request before its body is read.
RouteMatch judge(const Site& site, const RequestContext& request, const Parser& parser) {
  if (!has_valid_host(parser)) return {.route = nullptr, .refusal = site.refuse(http::status::bad_request, {})};
  if (site.guard) {
    if (auto refusal = site.guard(request)) return {.route = nullptr, .refusal = std::move(*refusal)};
  }
  if (request.target.path.empty()) return {.route = nullptr, .refusal = site.refuse(http::status::bad_request, {})};
  return find_route(site, request);
}

/// Writes a response in pieces. Each piece has the time limit of a whole response.
class ConnectionStream final : public ResponseStream {
 public:
  /// `begin_wait` and `end_wait` are called before and after each piece is written.
  ConnectionStream(beast::tcp_stream& stream, std::chrono::milliseconds timeout, std::function<void()> begin_wait,
                   std::function<void()> end_wait)
      : stream_(stream), timeout_(timeout), begin_wait_(std::move(begin_wait)), end_wait_(std::move(end_wait)) {}

  asio::awaitable<bool> write(std::string text) override {
    stream_.expires_after(timeout_);
    begin_wait_();
    const auto [error, size] = co_await asio::async_write(stream_, asio::buffer(text), use_tuple);
    end_wait_();
    co_return !error;
  }

 private:
  beast::tcp_stream& stream_;
  std::chrono::milliseconds timeout_;
  std::function<void()> begin_wait_;
  std::function<void()> end_wait_;
};

/// Writes a response. A response to HEAD has the header of GET's and no content (RFC 9110 9.3.2).
asio::awaitable<beast::error_code> write_response(beast::tcp_stream* stream, BeastResponse response, bool head) {
  if (!head) {
    const auto [error, size] = co_await http::async_write(*stream, response, use_tuple);
    co_return error;
  }
  http::response<http::empty_body> header{std::move(response.base())};
  const auto [error, size] = co_await http::async_write(*stream, header, use_tuple);
  co_return error;
}

/// Shuts down our sending side and reads what the client still sends. Closing with unread bytes would reset the
/// connection, and the client might lose the response (RFC 9112 9.6).
asio::awaitable<void> close_gently(beast::tcp_stream* stream) {
  beast::error_code ignored;
  stream->socket().shutdown(tcp::socket::shutdown_send, ignored);
  stream->expires_after(linger_timeout);
  std::array<char, 1024> discarded;
  for (std::size_t total = 0; total < linger_bytes;) {
    const auto [error, size] = co_await stream->async_read_some(asio::buffer(discarded), use_tuple);
    if (error) break;
    total += size;
  }
  stream->close();
}

}  // namespace

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): they outlive it, in exchange()
asio::awaitable<HttpResponse> HttpServer::answer(const HttpRoute& route, const RequestContext& request) {
  try {
    co_return co_await route.handler(request);
  } catch (...) {
    errors_.note("HTTP request");
  }
  co_return site_.refuse(http::status::internal_server_error, {});
}

/// Handles one request. True if the connection may take another one.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): it outlives this, in converse()
asio::awaitable<bool> HttpServer::exchange(Connections::iterator connection, beast::flat_buffer& buffer) {
  auto& stream = connection->stream;
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options_.header_limit));
  parser.body_limit(options_.body_limit);
  stream.expires_after(options_.request_timeout);
  auto [error, size] = co_await http::async_read_header(stream, buffer, parser, use_tuple);
  end_wait(connection);
  if (error && !refusal(error)) co_return false;

  HttpResponse reply;
  RequestContext request;
  if (error) {
    reply = site_.refuse(*refusal(error), {});
  } else {
    beast::error_code ignored;
    request = read_request(parser.get(), stream.socket().local_endpoint(ignored).address());
    auto judged = judge(site_, request, parser);
    reply = std::move(judged.refusal);
    if (judged.route != nullptr && judged.route->takes_body && !parser.is_done()) {
      begin_wait(connection);
      stream.expires_after(options_.request_timeout);
      const auto [body_error, body_size] = co_await http::async_read(stream, buffer, parser, use_tuple);
      end_wait(connection);
      error = body_error;
      if (error && !refusal(error)) co_return false;
      if (error) reply = site_.refuse(*refusal(error), {});
    }
    if (!error && judged.route != nullptr) {
      request.body = std::move(parser.get().body());
      reply = co_await answer(*judged.route, request);
    }
  }
  // An unread body stays unread: the connection ends after the response instead.
  const bool keep_alive = !error && has_valid_host(parser) && parser.is_done() && parser.get().keep_alive();
  const bool is_head = !error && request.method == http::verb::head;
  reply.fields.insert(reply.fields.end(), site_.fields.begin(), site_.fields.end());
  stream.expires_after(options_.write_timeout);
  if (reply.stream) {
    co_await stream_out(connection, std::move(reply), is_head);
    co_return false;
  }
  auto response = make_response(std::move(reply), error ? 11 : parser.get().version(), keep_alive);
  // The kernel takes a short response at once. For a longer one, it waits until the client reads.
  begin_wait(connection);
  if (const auto failure = co_await write_response(&stream, std::move(response), is_head)) {
    log_.debug("HTTP response not delivered", {{"error", failure.message()}});
    co_return false;
  }
  if (keep_alive) co_return true;
  co_await close_gently(&stream);
  co_return false;
}

/// Writes a streamed response. The end of the connection marks the end of its body.
asio::awaitable<void> HttpServer::stream_out(Connections::iterator connection, HttpResponse reply, bool is_head) {
  auto& stream = connection->stream;
  const auto write = std::move(reply.stream);
  auto response = make_response(std::move(reply), 11, false);
  response.content_length(boost::none);
  http::response<http::empty_body> header{std::move(response.base())};
  http::response_serializer<http::empty_body> serializer(header);
  begin_wait(connection);
  const auto [error, size] = co_await http::async_write_header(stream, serializer, use_tuple);
  end_wait(connection);
  if (error || is_head) co_return;
  ConnectionStream out(stream, options_.write_timeout, [&] { begin_wait(connection); }, [&] { end_wait(connection); });
  co_await write(out);
}

}  // namespace pillion::http
