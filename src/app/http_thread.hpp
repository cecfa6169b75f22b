#pragma once
// The HTTP servers with their own loop and thread. So probes do not wait for DNS, and queries do not wait for a
// scrape.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "http/http_server.hpp"
#include "runtime/internal_errors.hpp"
#include "runtime/log.hpp"
#include "runtime/task_group.hpp"

namespace pillion::app {

class HttpThread {
 public:
  explicit HttpThread(runtime::Log& log) : log_(log), errors_(log) {}
  ~HttpThread() { stop(); }
  HttpThread(const HttpThread&) = delete;
  HttpThread& operator=(const HttpThread&) = delete;

  /// Binds a server for `site` and returns its endpoints. Called before start(). Throws http::ListenError. The
  /// handlers run on this thread.
  std::vector<http::HttpServer::Endpoint> serve(const std::vector<http::HttpServer::Endpoint>& listen,
                                                const http::HttpServerOptions& options, http::Site site);
  /// Adds a task that runs on this thread from start() on. `stop` must end it, and is called on this thread.
  void add_task(boost::asio::awaitable<void> task, std::string name, std::function<void()> stop);

  /// Starts the thread. Called once.
  void start();
  /// Closes every connection and joins the thread. Has no effect if it does not run.
  void stop();
  /// Calls `action` on this thread if it runs. Any thread may call this.
  void post(std::function<void()> action);
  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  /// The counters of the servers and of the loop. Any thread may read them. Called after the last serve().
  [[nodiscard]] std::vector<const runtime::Counter*> internal_errors();

 private:
  void run();

  runtime::Log& log_;
  boost::asio::io_context io_{1};
  runtime::InternalErrors errors_;
  std::vector<std::unique_ptr<http::HttpServer>> servers_;
  std::vector<std::function<void()>> stops_;
  runtime::TaskGroup tasks_{io_.get_executor(),
                            [this](std::string_view task, std::string_view) { errors_.note(task); }};
  std::thread thread_;
};

}  // namespace pillion::app
