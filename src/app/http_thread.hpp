#pragma once
// The HTTP server with a loop and a thread of its own: neither do probes wait behind DNS, nor queries behind a scrape.

#include <functional>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "http/http_server.hpp"
#include "runtime/log.hpp"

namespace pillion::app {

class HttpThread {
 public:
  /// Binds; throws http::ListenError. `routes` are called on this thread.
  HttpThread(runtime::Log& log, const std::vector<http::HttpServer::Endpoint>& listen, const http::Options& options,
             http::Routes routes);
  /// Closes every connection and waits for the thread.
  ~HttpThread();
  HttpThread(const HttpThread&) = delete;
  HttpThread& operator=(const HttpThread&) = delete;

  /// Once.
  void start();
  /// Thread-safe: calls `action` on this thread, if it runs.
  void post(std::function<void()> action);
  /// Any thread may read it.
  [[nodiscard]] const runtime::Counter& internal_errors() { return server_.internal_errors().count(); }
  [[nodiscard]] std::vector<http::HttpServer::Endpoint> endpoints() const { return server_.endpoints(); }

 private:
  void run();

  boost::asio::io_context io_{1};
  http::HttpServer server_;
  std::thread thread_;
};

}  // namespace pillion::app
