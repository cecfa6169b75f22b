#include "http/http_server.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include "http/beast_messages.hpp"

namespace pillion::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

// Expected errors are returned and handled where they happen. Only unexpected exceptions reach the task group, which
// reports them.
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

constexpr std::chrono::seconds linger_timeout{2};
constexpr std::size_t linger_bytes = std::size_t{64} << 10U;
// Of each connection, so that clients that do not read take a bounded part of the kernel's memory. A whole page of
// metrics fits.
constexpr int send_buffer = 64 << 10;
constexpr int receive_buffer = 16 << 10;

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

std::string to_string(const tcp::endpoint& endpoint) {
  std::ostringstream out;
  out << endpoint;
  return std::move(out).str();
}

tcp::acceptor listen_on(const asio::any_io_executor& executor, const tcp::endpoint& endpoint) {
  try {
    tcp::acceptor acceptor(executor);
    acceptor.open(endpoint.protocol());
    acceptor.set_option(asio::socket_base::reuse_address(true));
    if (endpoint.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(true));
    // Accepted sockets inherit these.
    acceptor.set_option(asio::socket_base::send_buffer_size(send_buffer));
    acceptor.set_option(asio::socket_base::receive_buffer_size(receive_buffer));
    acceptor.bind(endpoint);
    acceptor.listen();
    return acceptor;
  } catch (const boost::system::system_error& error) {
    throw ListenError("cannot listen for HTTP on " + to_string(endpoint) + ": " + error.code().message());
  }
}

}  // namespace

HttpServer::HttpServer(asio::any_io_executor executor, runtime::Log& log, const std::vector<Endpoint>& listen,
                       HttpServerOptions options, Site site)
    : executor_(std::move(executor)),
      log_(log),
      options_(options),
      site_(std::move(site)),
      errors_(log),
      // TaskGroup calls this while it handles the task's exception.
      tasks_(executor_, [this](std::string_view task, std::string_view) { errors_.note(task); }) {
  for (const auto& endpoint : listen) {
    listeners_.push_back(std::make_unique<Listener>(
        Listener{.acceptor = listen_on(executor_, endpoint), .backoff = asio::steady_timer(executor_)}));
  }
}

std::vector<HttpServer::Endpoint> HttpServer::endpoints() const {
  std::vector<Endpoint> result;
  result.reserve(listeners_.size());
  for (const auto& listener : listeners_) result.push_back(listener->acceptor.local_endpoint());
  return result;
}

void HttpServer::start() {
  for (const auto& listener : listeners_) tasks_.spawn(accept(listener.get()), "http accept");
}

void HttpServer::stop() {
  stopped_ = true;
  for (const auto& listener : listeners_) {
    beast::error_code ignored;
    listener->acceptor.close(ignored);
    listener->backoff.cancel();
  }
  for (auto& connection : connections_) connection.stream.close();
}

asio::awaitable<void> HttpServer::accept(Listener* listener) {
  while (!stopped_) {
    auto [error, socket] = co_await listener->acceptor.async_accept(use_tuple);
    if (stopped_) break;
    if (!error) {
      try {
        admit(std::move(socket));
      } catch (...) {
        errors_.note("HTTP connection");
      }
      continue;
    }
    // The loop goes on after any error, most likely a lack of descriptors. It waits first, since the connection is
    // still in the queue and accepting it would fail again.
    if (const auto suppressed = log_limiter_.admit("accept", runtime::Clock::now())) {
      log_.warn("cannot accept an HTTP connection", {{"error", error.message()}, {"suppressed", *suppressed}});
    }
    listener->backoff.expires_after(options_.accept_backoff);
    co_await listener->backoff.async_wait(use_tuple);
  }
}

void HttpServer::admit(tcp::socket socket) {
  const auto open = std::ranges::count(connections_, false, &HttpConnection::evicted);
  if (std::cmp_greater_equal(open, options_.max_connections) && !make_room()) return;
  beast::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  connections_.emplace_back(std::move(socket));
  tasks_.spawn(serve(std::prev(connections_.end())), "http connection");
}

/// From now on the connection waits for its client: for a request, or for room to write. It is the last one to have
/// begun.
void HttpServer::begin_wait(Connections::iterator connection) {
  connection->waiting = true;
  connections_.splice(connections_.end(), connections_, connection);
}

/// Closes the connection that has waited longest, so that clients that are idle or do not read cannot keep the
/// kubelet's probes out. False if no connection waits.
bool HttpServer::make_room() {
  const auto oldest = std::ranges::find_if(
      connections_, [](const HttpConnection& connection) { return connection.waiting && !connection.evicted; });
  if (oldest == connections_.end()) return false;
  oldest->evicted = true;
  oldest->stream.close();
  return true;
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): they outlive it, in exchange()
asio::awaitable<HttpResponse> HttpServer::answer(const HttpRoute& route, const RequestContext& request) {
  try {
    co_return co_await route.handler(request);
  } catch (...) {
    errors_.note("HTTP request");
  }
  co_return site_.refuse(http::status::internal_server_error, {});
}

asio::awaitable<void> HttpServer::serve(Connections::iterator connection) {
  std::exception_ptr failure;
  try {
    co_await converse(connection);
  } catch (...) {
    failure = std::current_exception();
  }
  connections_.erase(connection);
  if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> HttpServer::converse(Connections::iterator connection) {
  auto& stream = connection->stream;
  beast::flat_buffer buffer(options_.header_limit + options_.body_limit);
  for (bool first = true;; first = false) {
    begin_wait(connection);
    if (!first && buffer.size() == 0) {
      stream.expires_after(options_.idle_timeout);
      const auto [error, size] = co_await stream.async_read_some(buffer.prepare(512), use_tuple);
      if (error) break;
      buffer.commit(size);
    }
    if (!co_await exchange(connection, buffer)) break;
  }
  stream.close();
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
  connection->waiting = false;
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
      connection->waiting = false;
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
  connection->waiting = false;
  if (error || is_head) co_return;
  ConnectionStream out(
      stream, options_.write_timeout, [&] { begin_wait(connection); }, [&] { connection->waiting = false; });
  co_await write(out);
}

}  // namespace pillion::http
