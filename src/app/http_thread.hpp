#pragma once
// The HTTP servers with a loop and a thread of their own: neither do probes wait behind DNS, nor queries behind a
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

  /// Binds a server for `site` and returns its endpoints; before start(). Throws http::ListenError. The handlers are
  /// called on this thread.
  std::vector<http::HttpServer::Endpoint> serve(const std::vector<http::HttpServer::Endpoint>& listen,
                                                const http::Options& options, http::Site site);
  /// Something else for this thread to do, from start() on; `stop`, which is called on this thread, ends it.
  void add_task(boost::asio::awaitable<void> task, std::string name, std::function<void()> stop);

  /// Once.
  void start();
  /// Closes every connection and waits for the thread. Does nothing where it does not run.
  void stop();
  /// Thread-safe: calls `action` on this thread, if it runs.
  void post(std::function<void()> action);
  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  /// Of the servers, and of the rest. Any thread may read them; after the last serve().
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
