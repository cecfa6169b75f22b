#pragma once
// A small HTTP/1.1 server for a Site, on the event loop that its owner gives it. Each connection is a task. Each wait
// for the client has a deadline; handlers limit their own time.

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "http/request.hpp"
#include "runtime/internal_errors.hpp"
#include "runtime/log.hpp"
#include "runtime/log_limiter.hpp"
#include "runtime/task_group.hpp"

namespace pillion::http {

struct HttpServerOptions {
  /// At least 1. If this many connections are open, a new one replaces the one that has waited longest for its client
  /// to send or to read. If none waits, the new connection is closed.
  std::size_t max_connections = 64;
  /// Bytes of header fields without the request line; more get 431.
  std::size_t header_limit = std::size_t{8} << 10U;
  std::size_t body_limit = 1024;  ///< bytes of a body; more get 413; the server reads one for routes with `takes_body`
  /// From the connect or a request's first byte to the end of its header, and again to the end of its body.
  std::chrono::milliseconds request_timeout{10'000};
  std::chrono::milliseconds idle_timeout{60'000};   ///< between requests
  std::chrono::milliseconds write_timeout{10'000};  ///< for a whole response, or for one piece of a stream
  std::chrono::milliseconds accept_backoff{100};    ///< after a failed accept, such as EMFILE
};

/// The server cannot listen on an endpoint. `what()` names the endpoint and the reason.
class ListenError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Everything but the constructor must run on the executor, which must have one thread.
class HttpServer {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  /// Binds and listens. Throws ListenError. With port 0 the kernel chooses the port. `log` must outlive the server.
  HttpServer(boost::asio::any_io_executor executor, runtime::Log& log, const std::vector<Endpoint>& listen,
             HttpServerOptions options, Site site);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// The bound endpoints, in the order of `listen`.
  [[nodiscard]] std::vector<Endpoint> endpoints() const;

  /// Counts requests and connections that ended with an exception. The owner of the loop calls note() for what other
  /// handlers throw.
  [[nodiscard]] runtime::InternalErrors& internal_errors() { return errors_; }

  /// Starts to accept connections. Called once.
  void start();

  /// Stops accepting and closes every connection at once. The server may be destroyed after join() has returned, or
  /// once its loop does not run again.
  void stop();
  /// Waits until every task has ended, which each does after stop().
  [[nodiscard]] boost::asio::awaitable<void> join() { return tasks_.join(); }

 private:
  struct HttpConnection {
    explicit HttpConnection(boost::asio::ip::tcp::socket socket) : stream(std::move(socket)) {}
    boost::beast::tcp_stream stream;
    /// True while it waits for the client to send, or to read what the kernel has no room for.
    bool is_waiting = true;
    bool is_evicted = false;  ///< True once closed to make room; its task is about to end
  };
  // Elements keep their addresses. Each task erases its own element. Connections that have waited longer are nearer to
  // the front.
  using Connections = std::list<HttpConnection>;
  struct Listener {
    boost::asio::ip::tcp::acceptor acceptor;
    boost::asio::steady_timer backoff;
  };

  boost::asio::awaitable<void> accept(Listener* listener);
  void admit(boost::asio::ip::tcp::socket socket);
  void begin_wait(Connections::iterator connection);
  static void end_wait(Connections::iterator connection);
  bool make_room();
  [[nodiscard]] boost::asio::awaitable<HttpResponse> answer(const HttpRoute& route, const RequestContext& request);
  boost::asio::awaitable<void> serve(Connections::iterator connection);
  boost::asio::awaitable<void> converse(Connections::iterator connection);
  [[nodiscard]] boost::asio::awaitable<bool> exchange(Connections::iterator connection,
                                                      boost::beast::flat_buffer& buffer);
  [[nodiscard]] boost::asio::awaitable<void> stream_out(Connections::iterator connection, HttpResponse reply,
                                                        bool is_head);

  boost::asio::any_io_executor executor_;
  runtime::Log& log_;
  runtime::LogLimiter log_limiter_;
  HttpServerOptions options_;
  Site site_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Connections connections_;
  bool stopped_ = false;
  runtime::InternalErrors errors_;
  runtime::TaskGroup tasks_;
};

}  // namespace pillion::http
