#include "http/http_server.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/system/system_error.hpp>

#include "http/use_tuple.hpp"
#include "runtime/socket_buffers.hpp"

namespace pillion::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

namespace {

/// Of each connection, so that clients that do not read take a bounded part of the kernel's memory.
constexpr runtime::SocketBuffers buffers{
    .receive = 8 << 10, .send = 16 << 10, .unsent = 4 << 10, .keep_for = std::chrono::seconds(5)};

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
    runtime::set_buffers(acceptor.native_handle(), buffers);
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
  const auto open = std::ranges::count(connections_, false, &HttpConnection::is_evicted);
  if (std::cmp_greater_equal(open, options_.max_connections) && !make_room()) return;
  beast::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  connections_.emplace_back(std::move(socket));
  tasks_.spawn(serve(std::prev(connections_.end())), "http connection");
}

/// From now on the connection waits for its client: for a request, or for room to write. It is the last one to have
/// begun.
void HttpServer::begin_wait(Connections::iterator connection) {
  connection->is_waiting = true;
  connections_.splice(connections_.end(), connections_, connection);
}

/// The connection no longer waits for its client. No guard calls this at the end of a scope: the frame of a coroutine
/// whose loop does not run again is destroyed after the server.
void HttpServer::end_wait(Connections::iterator connection) {
  connection->is_waiting = false;
}

/// Closes the connection that has waited longest, so that clients that are idle or do not read cannot keep the
/// kubelet's probes out. False if no connection waits.
bool HttpServer::make_room() {
  const auto oldest = std::ranges::find_if(
      connections_, [](const HttpConnection& connection) { return connection.is_waiting && !connection.is_evicted; });
  if (oldest == connections_.end()) return false;
  oldest->is_evicted = true;
  // Otherwise the kernel would keep what the client does not read, although the connection counts no longer.
  beast::error_code ignored;
  auto& socket = oldest->stream.socket();
  if (runtime::unacknowledged(socket.native_handle()) > 0)
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
  oldest->stream.close();
  return true;
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

}  // namespace pillion::http
