#pragma once
// A small HTTP/1.1 server for a Site, on the event loop it is given. Every connection is a task with a deadline for
// whatever it waits for but handlers, which bound themselves.

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

struct Options {
  /// One more connection takes the place of the one that has waited longest for its client; where none waits, it is
  /// closed on arrival.
  std::size_t max_connections = 64;
  std::size_t header_limit = std::size_t{8} << 10U;  ///< bytes of header fields, request line apart; over it 431
  std::size_t body_limit = 1024;  ///< bytes of a body, which only routes that take one read; over it 413
  std::chrono::milliseconds request_timeout{
      10'000};  ///< from a request's first byte (or the connect) to the end of its header, and again of its body
  std::chrono::milliseconds idle_timeout{60'000};   ///< between requests
  std::chrono::milliseconds write_timeout{10'000};  ///< for a whole response, or a piece of one that is a stream
  std::chrono::milliseconds accept_backoff{100};    ///< after a failed accept, such as EMFILE
};

/// An endpoint that cannot be listened on; `what()` names it and says why.
class ListenError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Everything but the constructor runs on the executor, which must be one thread's.
class HttpServer {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  /// Binds and listens; throws ListenError. Port 0 lets the kernel choose.
  HttpServer(boost::asio::any_io_executor executor, runtime::Log& log, const std::vector<Endpoint>& listen,
             Options options, Site site);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// The bound endpoints, in the order asked for.
  [[nodiscard]] std::vector<Endpoint> endpoints() const;

  /// Of requests and connections that ended by one. note() it for what the loop's handlers throw.
  [[nodiscard]] runtime::InternalErrors& internal_errors() { return errors_; }

  /// Starts to accept. Once.
  void start();

  /// Stops accepting and closes every connection at once. All tasks end; the server may be destroyed when join() has
  /// ended, or when its loop will not run again.
  void stop();
  [[nodiscard]] boost::asio::awaitable<void> join() { return tasks_.join(); }

 private:
  struct HttpConnection {
    explicit HttpConnection(boost::asio::ip::tcp::socket socket) : stream(std::move(socket)) {}
    boost::beast::tcp_stream stream;
    bool waiting = true;   // for its client, which owes a request or the end
    bool evicted = false;  // closed to make room; its task is about to end
  };
  // Elements stay where they are; each is erased by its own task only. The one that has waited longest is nearest to
  // the front.
  using Connections = std::list<HttpConnection>;
  struct Listener {
    boost::asio::ip::tcp::acceptor acceptor;
    boost::asio::steady_timer backoff;
  };

  boost::asio::awaitable<void> accept(Listener* listener);
  void admit(boost::asio::ip::tcp::socket socket);
  bool make_room();
  [[nodiscard]] boost::asio::awaitable<HttpResponse> answer(const HttpRoute& route, const RequestContext& request);
  boost::asio::awaitable<void> serve(Connections::iterator connection);
  boost::asio::awaitable<void> converse(Connections::iterator connection);
  [[nodiscard]] boost::asio::awaitable<bool> exchange(Connections::iterator connection,
                                                      boost::beast::flat_buffer& buffer);
  [[nodiscard]] boost::asio::awaitable<void> stream_out(boost::beast::tcp_stream& stream, HttpResponse reply,
                                                        bool is_head);

  boost::asio::any_io_executor executor_;
  runtime::Log& log_;
  runtime::LogLimiter log_limiter_;
  Options options_;
  Site site_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Connections connections_;
  bool stopped_ = false;
  runtime::InternalErrors errors_;
  runtime::TaskGroup tasks_;
};

}  // namespace pillion::http
