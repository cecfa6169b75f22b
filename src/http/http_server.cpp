#include "http/http_server.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <exception>
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
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

namespace pillion::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

// Errors are looked at where they happen; only the unforeseen is thrown, and ends in the task group's report.
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

constexpr std::chrono::seconds linger_timeout{2};
constexpr std::size_t linger_bytes = std::size_t{64} << 10U;

using Parser = http::request_parser<http::empty_body>;
using BeastResponse = http::response<http::string_body>;

/// RFC 9110 5.6.7.
std::string http_date(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

BeastResponse make_response(HttpResponse reply, unsigned version, bool keep_alive) {
  BeastResponse response(reply.status, version);
  response.set(http::field::date, http_date(std::time(nullptr)));
  response.set(http::field::content_type, beast::string_view(reply.content_type.data(), reply.content_type.size()));
  response.set(http::field::cache_control, "no-store");
  if (reply.status == http::status::method_not_allowed) response.set(http::field::allow, "GET, HEAD");
  response.keep_alive(keep_alive);
  response.body() = std::move(reply.body);
  response.prepare_payload();
  return response;
}

/// What a request that cannot be read is told; none where nobody would read it.
std::optional<http::status> refusal(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return http::status::request_header_fields_too_large;
  }
  if (error == http::error::body_limit) return http::status::payload_too_large;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error.category() == http::make_error_code(http::error::bad_method).category()) return http::status::bad_request;
  return std::nullopt;  // the connection failed or ran out of time
}

/// RFC 9112 3.2: a request of HTTP/1.1 has exactly one Host field.
bool has_valid_host(const Parser& parser) {
  return parser.get().version() < 11 || parser.get().count(http::field::host) == 1;
}

/// HEAD is answered with GET's header and no content (RFC 9110 9.3.2).
asio::awaitable<beast::error_code> write_response(beast::tcp_stream* stream, BeastResponse response, bool head) {
  if (!head) {
    const auto [error, size] = co_await http::async_write(*stream, response, use_tuple);
    co_return error;
  }
  http::response<http::empty_body> header{std::move(response.base())};
  const auto [error, size] = co_await http::async_write(*stream, header, use_tuple);
  co_return error;
}

/// Ends our half and reads what the client still sends: closing with unread bytes would reset the connection and could
/// take the response away before the client has read it (RFC 9112 9.6).
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
    acceptor.bind(endpoint);
    acceptor.listen();
    return acceptor;
  } catch (const boost::system::system_error& error) {
    throw ListenError("cannot listen for HTTP on " + to_string(endpoint) + ": " + error.code().message());
  }
}

}  // namespace

HttpServer::HttpServer(asio::any_io_executor executor, runtime::Log& log, const std::vector<Endpoint>& listen,
                       Options options, Routes routes)
    : executor_(std::move(executor)),
      log_(log),
      options_(options),
      routes_(std::move(routes)),
      errors_(log),
      // Called while what a task has thrown is handled.
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
    // Whatever is wrong (no descriptors left, most likely), the loop goes on, but not at once: the connection that
    // could not be accepted is still there and would fail again.
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

/// Clients that hold connections without using them must not keep the kubelet's probes out.
bool HttpServer::make_room() {
  const auto oldest = std::ranges::find_if(
      connections_, [](const HttpConnection& connection) { return connection.waiting && !connection.evicted; });
  if (oldest == connections_.end()) return false;
  oldest->evicted = true;
  oldest->stream.close();
  return true;
}

HttpResponse HttpServer::answer(http::verb method, std::string_view target) {
  try {
    return route(routes_, method, target);
  } catch (...) {
    errors_.note("HTTP request");
    return plain_response(http::status::internal_server_error);
  }
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
    connection->waiting = true;
    if (!first && buffer.size() == 0) {
      stream.expires_after(options_.idle_timeout);
      const auto [error, size] = co_await stream.async_read_some(buffer.prepare(512), use_tuple);
      if (error) break;
      buffer.commit(size);
    }
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.header_limit));
    parser.body_limit(options_.body_limit);
    stream.expires_after(options_.request_timeout);
    const auto [error, size] = co_await http::async_read_header(stream, buffer, parser, use_tuple);
    connection->waiting = false;
    connections_.splice(connections_.end(), connections_, connection);
    if (error && !refusal(error)) break;

    bool keep_alive = false;
    HttpResponse reply;
    if (error) {
      reply = plain_response(*refusal(error));
    } else if (!has_valid_host(parser)) {
      reply = plain_response(http::status::bad_request);
    } else {
      const auto target = parser.get().target();
      // The content of a request is of no use here; instead of reading it, the connection ends after the response.
      keep_alive = parser.is_done() && parser.get().keep_alive();
      reply = answer(parser.get().method(), {target.data(), target.size()});
    }
    stream.expires_after(options_.write_timeout);
    auto response = make_response(std::move(reply), error ? 11 : parser.get().version(), keep_alive);
    const bool head = !error && parser.get().method() == http::verb::head;
    if (const auto failure = co_await write_response(&stream, std::move(response), head)) {
      log_.debug("HTTP response not delivered", {{"error", failure.message()}});
      break;
    }
    if (!keep_alive) {
      connection->waiting = true;
      co_await close_gently(&stream);
      break;
    }
  }
  stream.close();
}

}  // namespace pillion::http
