#include "app/http_thread.hpp"

#include <utility>

#include <boost/asio/post.hpp>
#include <pthread.h>

namespace pillion::app {
namespace asio = boost::asio;

HttpThread::HttpThread(runtime::Log& log, const std::vector<http::HttpServer::Endpoint>& listen,
                       const http::Options& options, http::Routes routes)
    : server_(io_.get_executor(), log, listen, options, std::move(routes)) {}

HttpThread::~HttpThread() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] { server_.stop(); });
  thread_.join();
}

void HttpThread::start() {
  server_.start();
  thread_ = std::thread([this] { run(); });
}

void HttpThread::post(std::function<void()> action) {
  asio::post(io_, std::move(action));
}

void HttpThread::run() {
  ::pthread_setname_np(::pthread_self(), "pillion-http");
  for (bool again = true; again;) {
    try {
      io_.run();
      again = false;
    } catch (...) {
      server_.internal_errors().note("HTTP");
    }
  }
}

}  // namespace pillion::app
