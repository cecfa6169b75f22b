#include "app/http_thread.hpp"

#include <utility>

#include <boost/asio/post.hpp>
#include <pthread.h>

namespace pillion::app {
namespace asio = boost::asio;

void HttpThread::stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    for (const auto& stop : stops_) stop();
    for (const auto& server : servers_) server->stop();
  });
  thread_.join();
}

std::vector<http::HttpServer::Endpoint> HttpThread::serve(const std::vector<http::HttpServer::Endpoint>& listen,
                                                          const http::HttpServerOptions& options, http::Site site) {
  servers_.push_back(std::make_unique<http::HttpServer>(io_.get_executor(), log_, listen, options, std::move(site)));
  return servers_.back()->endpoints();
}

void HttpThread::add_task(asio::awaitable<void> task, std::string name, std::function<void()> stop) {
  stops_.push_back(std::move(stop));
  tasks_.spawn(std::move(task), std::move(name));
}

void HttpThread::start() {
  for (const auto& server : servers_) server->start();
  thread_ = std::thread([this] { run(); });
}

void HttpThread::post(std::function<void()> action) {
  asio::post(io_, std::move(action));
}

std::vector<const runtime::Counter*> HttpThread::internal_errors() {
  std::vector<const runtime::Counter*> counts{&errors_.count()};
  for (const auto& server : servers_) counts.push_back(&server->internal_errors().count());
  return counts;
}

void HttpThread::run() {
  ::pthread_setname_np(::pthread_self(), "pillion-http");
  for (bool again = true; again;) {
    try {
      io_.run();
      again = false;
    } catch (...) {
      errors_.note("HTTP");
    }
  }
}

}  // namespace pillion::app
