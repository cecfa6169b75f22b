#include "http/http_server.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include "http/router.hpp"

namespace pillion::http {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view get_livez = "GET /livez HTTP/1.1\r\nHost: pod\r\n\r\n";

/// Keeps the messages, and lets a test wait for one.
class RecordingLog final : public runtime::Log {
 public:
  RecordingLog() : Log(runtime::LogLevel::debug) {}
  void wait_for(std::string_view message) {
    std::unique_lock lock(mutex_);
    written_.wait(lock, [&] { return std::ranges::find(messages_, message) != messages_.end(); });
  }
  [[nodiscard]] bool has(std::string_view message) {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(messages_, message) != messages_.end();
  }

 private:
  void write(runtime::LogLevel, std::string_view message, std::span<const runtime::Field>) override {
    const std::lock_guard lock(mutex_);
    messages_.emplace_back(message);
    written_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable written_;
  std::vector<std::string> messages_;
};

/// A blocking client. If the event for which it waits does not happen, the time limit of the test run ends it.
class Client {
 public:
  explicit Client(const tcp::endpoint& server) { socket_.connect(server); }

  Client& send(std::string_view text) {
    boost::asio::write(socket_, boost::asio::buffer(text.data(), text.size()));
    return *this;
  }
  Client& half_close() {
    socket_.shutdown(tcp::socket::shutdown_send);
    return *this;
  }
  /// Reads until the server closes.
  std::string read_all() {
    boost::system::error_code error;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(input_), error);
    EXPECT_EQ(error, boost::asio::error::eof) << "the connection was not closed in order";
    return std::exchange(input_, {});
  }
  /// Reads one response with a Content-Length; for HEAD only the header.
  std::string read_response(bool head = false) {
    const auto header_end = boost::asio::read_until(socket_, boost::asio::dynamic_buffer(input_), "\r\n\r\n");
    constexpr std::string_view field = "\r\nContent-Length: ";
    std::size_t size = header_end;
    if (const auto at = input_.find(field); !head && at < header_end)
      size += std::stoul(input_.substr(at + field.size()));
    if (size > input_.size()) {
      boost::asio::read(socket_, boost::asio::dynamic_buffer(input_),
                        boost::asio::transfer_exactly(size - input_.size()));
    }
    auto response = input_.substr(0, size);
    input_.erase(0, size);
    return response;
  }
  /// True if the server has closed the connection, orderly or by a reset.
  bool closed() {
    boost::system::error_code error;
    char byte = 0;
    socket_.read_some(boost::asio::buffer(&byte, 1), error);
    return error == boost::asio::error::eof || error == boost::asio::error::connection_reset;
  }
  tcp::socket& socket() { return socket_; }

 private:
  boost::asio::io_context io_;
  tcp::socket socket_{io_};
  std::string input_;
};

class HttpServerTest : public testing::Test {
 protected:
  void start(HttpServerOptions options = {}) {
    server_ = std::make_unique<HttpServer>(
        io_.get_executor(), log_, std::vector<tcp::endpoint>{{boost::asio::ip::address_v4::loopback(), 0}}, options,
        read_only_site({.metrics =
                            [this] {
                              if (metrics_ == "throw") throw std::runtime_error("no metrics");
                              return metrics_;
                            },
                        .health = [this](HealthProbe) { return health_; }}));
    endpoint_ = server_->endpoints().at(0);
    server_->start();
    thread_ = std::jthread([this] { io_.run(); });
  }

  /// Waits until every task of the server has ended, and so the loop.
  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this] { server_->stop(); });
    thread_.join();
  }
  void TearDown() override {
    stop();
    EXPECT_FALSE(log_.has("task failed"));
  }

  std::string ask(std::string_view request) { return Client(endpoint_).send(request).half_close().read_all(); }

  RecordingLog log_;
  std::string metrics_ = "pillion_dns_in_flight 0\n";
  HealthReport health_{true, {{true, "listeners bound"}}};
  boost::asio::io_context io_{1};
  std::unique_ptr<HttpServer> server_;
  tcp::endpoint endpoint_;
  std::jthread thread_;
};

TEST_F(HttpServerTest, ServesEveryPath) {
  start();
  const auto metrics = ask("GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n");
  EXPECT_THAT(metrics, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(metrics, HasSubstr("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(metrics, HasSubstr("\r\nDate: "));
  EXPECT_THAT(metrics, EndsWith("\r\n\r\npillion_dns_in_flight 0\n"));
  for (const std::string path : {"/healthz", "/livez", "/readyz", "/startupz"}) {
    EXPECT_THAT(ask("GET " + path + " HTTP/1.1\r\nHost: pod\r\n\r\n"), EndsWith("\r\n\r\nok\n")) << path;
  }
}

TEST_F(HttpServerTest, FailedHealthIs503) {
  health_ = {false, {{true, "listeners bound"}, {false, "draining"}}};
  start();
  const auto reply = ask("GET /readyz HTTP/1.1\r\nHost: pod\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(reply, EndsWith("\r\n\r\n[+]listeners bound\n[-]draining\nnot ok\n"));
}

TEST_F(HttpServerTest, HeadHasTheLengthAndNoBody) {
  start();
  Client client(endpoint_);
  const auto head = client.send("HEAD /metrics HTTP/1.1\r\nHost: pod\r\n\r\n").read_response(true);
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 24\r\n"));
  EXPECT_THAT(client.send(get_livez).read_response(), StartsWith("HTTP/1.1 200 OK\r\n")) << "nothing stood between";
  EXPECT_THAT(ask("HEAD /nothing HTTP/1.1\r\nHost: pod\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 404 Not Found\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, NotFoundKeepsTheConnection) {
  start();
  Client client(endpoint_);
  EXPECT_THAT(client.send("GET /nothing HTTP/1.1\r\nHost: pod\r\n\r\n").read_response(),
              testing::AllOf(StartsWith("HTTP/1.1 404 Not Found\r\n"),
                             EndsWith("\r\n\r\n404 Not Found\nthis server has no such path\n")));
  EXPECT_THAT(client.send(get_livez).read_response(), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, OtherMethodsAre405) {
  start();
  for (const std::string method : {"PUT", "DELETE", "OPTIONS", "TRACE", "BREW"}) {
    const auto reply = ask(method + " /metrics HTTP/1.1\r\nHost: pod\r\n\r\n");
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n")) << method;
    EXPECT_THAT(reply, HasSubstr("\r\nAllow: GET, HEAD\r\n")) << method;
  }
  EXPECT_THAT(ask("OPTIONS * HTTP/1.1\r\nHost: pod\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpServerTest, ABodyIsNotReadAndEndsTheConnection) {
  start();
  // The client gets the status although it is still sending.
  const auto reply = Client(endpoint_)
                         .send("POST /metrics HTTP/1.1\r\nHost: pod\r\nContent-Length: 1000\r\n\r\n")
                         .send(std::string(900, 'x'))
                         .read_response();
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(reply, HasSubstr("\r\nConnection: close\r\n"));
  Client smuggler(endpoint_);
  smuggler
      .send("GET /livez HTTP/1.1\r\nHost: pod\r\nContent-Length: 37\r\n\r\nGET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n")
      .half_close();
  EXPECT_THAT(smuggler.read_all(), EndsWith("\r\n\r\nok\n")) << "a body must not be taken for a request";
  EXPECT_THAT(ask("GET /livez HTTP/1.1\r\nHost: pod\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Connection: close")));
  EXPECT_THAT(ask("POST /metrics HTTP/1.1\r\nHost: pod\r\nContent-Length: 1025\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += "GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\nHEAD /metrics HTTP/1.1\r\nHost: pod\r\n\r\n";
    requests += "GET /x HTTP/1.1\r\nHost: pod\r\n\r\n";
  }
  Client client(endpoint_);
  client.send(requests);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client.read_response(), EndsWith("pillion_dns_in_flight 0\n"));
    EXPECT_THAT(client.read_response(true), EndsWith("\r\n\r\n"));
    EXPECT_THAT(client.read_response(), EndsWith("404 Not Found\nthis server has no such path\n"));
  }
}

TEST_F(HttpServerTest, RequestsInPiecesAreUnderstood) {
  start();
  Client client(endpoint_);
  client.socket().set_option(tcp::no_delay(true));
  for (const char c : get_livez) client.send({&c, 1});
  EXPECT_THAT(client.read_response(), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, AHalfClosedClientGetsItsAnswers) {
  start();
  Client client(endpoint_);
  client.send(std::string(get_livez) + std::string(get_livez)).half_close();
  const auto all = client.read_all();
  EXPECT_EQ(all.find("ok\n"), all.rfind("ok\n", all.size() / 2));
  EXPECT_NE(all.find("ok\n"), all.rfind("ok\n"));
}

TEST_F(HttpServerTest, Http10ClosesUnlessAskedNotTo) {
  start();
  Client closing(endpoint_);
  closing.send("GET /livez HTTP/1.0\r\n\r\n");
  const auto reply = closing.read_all();
  EXPECT_THAT(reply, StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_THAT(reply, EndsWith("\r\n\r\nok\n"));
  Client keeping(endpoint_);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(keeping.send("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").read_response(),
                HasSubstr("\r\nConnection: keep-alive\r\n"));
  }
}

TEST_F(HttpServerTest, ConnectionCloseIsHonoured) {
  start();
  Client client(endpoint_);
  client.send("GET /livez HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), HasSubstr("\r\nConnection: close\r\n"));
}

TEST_F(HttpServerTest, MalformedRequestsGet400AndAreClosed) {
  start();
  for (const std::string_view request : {
           std::string_view("GET /livez HTTP/2.0\r\nHost: pod\r\n\r\n"),
           std::string_view("GET /livez HTTP/1.2\r\nHost: pod\r\n\r\n"),
           std::string_view("GET /livez\r\n\r\n"),
           std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15),  // a TLS ClientHello
           std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
           std::string_view("GET  HTTP/1.1\r\n\r\n"),
           std::string_view("GET /livez HTTP/1.1\r\nno colon\r\n\r\n"),
           std::string_view("GET /livez HTTP/1.1\r\nHost: pod\r\nContent-Length: x\r\n\r\n"),
           std::string_view("GET /livez HTTP/1.1\r\nHost: pod\r\nBad\x01Name: x\r\n\r\n"),
           std::string_view("GET /livez HTTP/1.1\r\n\r\n"),                        // no Host
           std::string_view("GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),  // two
           std::string_view("GET livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
       }) {
    Client client(endpoint_);
    client.send(request);
    EXPECT_THAT(client.read_all(),
                testing::AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"), HasSubstr("\r\nConnection: close\r\n"),
                               EndsWith("400 Bad Request\n")))
        << request;
  }
}

TEST_F(HttpServerTest, RandomBytesDoNoHarm) {
  start();
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(random() % 2000 + 1, '\0');
    for (auto& c : bytes) c = static_cast<char>(random());
    Client client(endpoint_);
    client.send(bytes).half_close();
    client.closed();
  }
  EXPECT_THAT(ask(get_livez), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, AHeaderOverTheLimitGets431) {
  start();
  std::string request = "GET /livez HTTP/1.1\r\nHost: pod\r\nX: ";
  const auto sized = [&](std::size_t size) {
    return request + std::string(size - request.size() - 4, 'x') + "\r\n\r\n";
  };
  EXPECT_THAT(Client(endpoint_).send(sized(7 * 1024)).read_response(), StartsWith("HTTP/1.1 200 "));
  Client over(endpoint_);
  over.send(sized(9 * 1024));
  EXPECT_THAT(over.read_all(), testing::AllOf(StartsWith("HTTP/1.1 431 "), HasSubstr("\r\nConnection: close\r\n")));
  Client endless(endpoint_);
  endless.send(request + std::string(20'000, 'x'));
  EXPECT_THAT(endless.read_response(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, AThrowingRouteIs500) {
  metrics_ = "throw";
  start();
  EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n"), StartsWith("HTTP/1.1 500 "));
  EXPECT_TRUE(log_.has("internal error"));
  EXPECT_THAT(ask(get_livez), EndsWith("ok\n"));
}

// In the following tests a limit that must apply is short, and one that must not is long. The client only waits for the
// close.

TEST_F(HttpServerTest, ASilentClientIsClosed) {
  start({.request_timeout = 30ms, .idle_timeout = 1h, .write_timeout = 1h});
  EXPECT_TRUE(Client(endpoint_).closed());
}

TEST_F(HttpServerTest, ASlowClientCannotStretchTheLimit) {
  start({.request_timeout = 100ms, .idle_timeout = 1h, .write_timeout = 1h});
  // Sends a byte at times, without an end: only a deadline for the whole header ends this. (At full speed the size
  // limit of the header would.)
  Client client(endpoint_);
  client.send("GET /livez HTTP/1.1\r\nX: ");
  EXPECT_THROW(
      {
        for (;;) {
          client.send("x");
          std::this_thread::sleep_for(2ms);
        }
      },
      boost::system::system_error);
}

TEST_F(HttpServerTest, AnIdleConnectionIsClosed) {
  start({.request_timeout = 1h, .idle_timeout = 30ms, .write_timeout = 1h});
  Client client(endpoint_);
  EXPECT_THAT(client.send(get_livez).read_response(), EndsWith("ok\n"));
  EXPECT_TRUE(client.closed());
}

TEST_F(HttpServerTest, TheRequestLimitHoldsOnAKeptConnection) {
  start({.request_timeout = 30ms, .idle_timeout = 1h, .write_timeout = 1h});
  Client client(endpoint_);
  EXPECT_THAT(client.send(get_livez).read_response(), EndsWith("ok\n"));
  client.send("GET /li");
  EXPECT_TRUE(client.closed());
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsClosed) {
  metrics_.assign(32 << 20, 'x');  // more than both socket buffers hold
  start({.request_timeout = 1h, .idle_timeout = 1h, .write_timeout = 50ms});
  Client client(endpoint_);
  client.send("GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n");
  EXPECT_THAT(Client(endpoint_).send(get_livez).read_response(), EndsWith("ok\n")) << "others are served meanwhile";
  log_.wait_for("HTTP response not delivered");
  std::string rest(1 << 20, '\0');
  std::size_t total = 0;
  for (boost::system::error_code error; !error;) total += client.socket().read_some(boost::asio::buffer(rest), error);
  EXPECT_LT(total, metrics_.size());
}

TEST_F(HttpServerTest, AtTheLimitTheConnectionThatWaitsLongestMakesRoom) {
  start({.max_connections = 4, .request_timeout = 1h, .idle_timeout = 1h, .write_timeout = 1h});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(endpoint_));
    EXPECT_THAT(clients.back()->send(get_livez).read_response(), EndsWith("ok\n"));
  }
  EXPECT_THAT(clients[0]->send(get_livez).read_response(), EndsWith("ok\n"));  // now clients[1] has waited longest
  Client late(endpoint_);
  EXPECT_THAT(late.send(get_livez).read_response(), EndsWith("ok\n"));
  EXPECT_TRUE(clients[1]->closed());
  for (const auto i : {0U, 2U, 3U}) {
    EXPECT_THAT(clients[i]->send(get_livez).read_response(), EndsWith("ok\n")) << i;
  }
}

TEST_F(HttpServerTest, AtTheLimitClientsThatDoNotReadMakeRoom) {
  metrics_.assign(32 << 20, 'x');  // more than both socket buffers hold
  start({.max_connections = 2, .request_timeout = 1h, .idle_timeout = 1h, .write_timeout = 1h});
  std::vector<std::unique_ptr<Client>> unread;
  for (int i = 0; i < 2; ++i) {
    unread.push_back(std::make_unique<Client>(endpoint_));
    unread.back()->send("GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n");
    char byte = 0;
    unread.back()->socket().read_some(boost::asio::buffer(&byte, 1));  // its response is being written
  }
  EXPECT_THAT(ask(get_livez), EndsWith("ok\n"));
  log_.wait_for("HTTP response not delivered");
  std::string rest(1 << 20, '\0');
  std::size_t total = 0;
  for (boost::system::error_code error; !error;)
    total += unread.front()->socket().read_some(boost::asio::buffer(rest), error);
  EXPECT_LT(total, metrics_.size()) << "the one that has waited longest is closed";
  std::size_t others = 0;
  while (others < metrics_.size()) others += unread.back()->socket().read_some(boost::asio::buffer(rest));
}

TEST(HttpServerAtTheLimit, WithEveryConnectionInAHandlerOneMoreIsClosed) {
  boost::asio::io_context io{1};
  RecordingLog log;
  boost::asio::steady_timer end(io, boost::asio::steady_timer::time_point::max());
  const auto handler = [&](const RequestContext&) -> boost::asio::awaitable<HttpResponse> {
    log.info("in the handler");
    co_await end.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    co_return plain_response(boost::beast::http::status::ok, {});
  };
  HttpServer server(io.get_executor(), log, {{boost::asio::ip::address_v4::loopback(), 0}}, {.max_connections = 1},
                    Site{.routes = {{.path = "/slow", .handler = handler}}});
  server.start();
  const std::jthread thread([&] { io.run(); });
  Client busy(server.endpoints().at(0));
  busy.send("GET /slow HTTP/1.1\r\nHost: pod\r\n\r\n");
  log.wait_for("in the handler");
  EXPECT_TRUE(Client(server.endpoints().at(0)).closed());
  boost::asio::post(io, [&] { end.cancel(); });
  EXPECT_THAT(busy.read_response(), StartsWith("HTTP/1.1 200 OK\r\n"));
  boost::asio::post(io, [&] { server.stop(); });
}

TEST_F(HttpServerTest, TheKernelHoldsLittleForAClientThatDoesNotRead) {
  metrics_.assign(32 << 20, 'x');
  start({.request_timeout = 1h, .idle_timeout = 1h, .write_timeout = 50ms});
  boost::asio::io_context io;
  tcp::socket client(io, tcp::v4());
  client.set_option(boost::asio::socket_base::receive_buffer_size(16 << 10));
  client.connect(endpoint_);
  constexpr std::string_view request = "GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n";
  boost::asio::write(client, boost::asio::buffer(request.data(), request.size()));
  log_.wait_for("HTTP response not delivered");
  std::string rest(1 << 20, '\0');
  std::size_t total = 0;
  for (boost::system::error_code error; !error;) total += client.read_some(boost::asio::buffer(rest), error);
  EXPECT_LT(total, 400U << 10U) << "bytes in both socket buffers";
}

TEST_F(HttpServerTest, ManyConnectionsAtOnce) {
  start();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 64; ++i) clients.push_back(std::make_unique<Client>(endpoint_));
  for (int round = 0; round < 3; ++round) {
    for (auto& client : clients) client->send(get_livez);
    for (auto& client : clients) EXPECT_THAT(client->read_response(), EndsWith("ok\n"));
  }
  for (int i = 0; i < 500; ++i) EXPECT_THAT(ask(get_livez), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, AcceptingSurvivesTheLackOfDescriptors) {
  constexpr auto backoff = 300ms;
  start({.accept_backoff = backoff});
  EXPECT_THAT(ask(get_livez), EndsWith("ok\n"));
  boost::asio::io_context io;
  tcp::socket client(io, tcp::v4());  // before there are none left
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(0);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);  // the lowest free descriptor is over the limit
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  client.connect(endpoint_);  // by the kernel's backlog
  log_.wait_for("cannot accept an HTTP connection");
  const auto failed = std::chrono::steady_clock::now();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  boost::asio::write(client, boost::asio::buffer(get_livez.data(), get_livez.size()));
  char byte = 0;
  boost::asio::read(client, boost::asio::buffer(&byte, 1));
  EXPECT_EQ(byte, 'H');
  EXPECT_GE(std::chrono::steady_clock::now() - failed, backoff / 2) << "it tried again at once: the loop would spin";
}

TEST_F(HttpServerTest, StopClosesEveryConnectionAndEndsEveryTask) {
  metrics_.assign(32 << 20, 'x');
  start();
  Client silent(endpoint_);
  Client idle(endpoint_);
  EXPECT_THAT(idle.send(get_livez).read_response(), EndsWith("ok\n"));
  Client reading(endpoint_);
  reading.send("GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n");
  char byte = 0;
  reading.socket().read_some(boost::asio::buffer(&byte, 1));
  Client half(endpoint_);
  half.send("GET /met");

  boost::asio::post(io_, [this] {
    server_->stop();
    boost::asio::co_spawn(io_, server_->join(), [this](const std::exception_ptr&) { log_.info("joined"); });
  });
  thread_.join();  // the loop ends when nothing is left to do
  EXPECT_TRUE(log_.has("joined"));
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(silent.closed());
  EXPECT_TRUE(half.closed());
  boost::asio::io_context io;
  tcp::socket late(io);
  boost::system::error_code error;
  late.connect(endpoint_, error);
  EXPECT_EQ(error, boost::asio::error::connection_refused);
}

TEST_F(HttpServerTest, AServerWhoseLoopRunsNoMoreMayBeDestroyed) {
  start();
  Client client(endpoint_);
  EXPECT_THAT(client.send(get_livez).read_response(), EndsWith("ok\n"));
  io_.stop();
  thread_.join();
  server_.reset();
}

TEST(HttpServerBinding, AFailureNamesTheEndpoint) {
  boost::asio::io_context io;
  RecordingLog log;
  const tcp::endpoint any{boost::asio::ip::address_v4::loopback(), 0};
  HttpServer first(io.get_executor(), log, {any}, {}, {});
  const auto taken = first.endpoints().at(0);
  try {
    HttpServer second(io.get_executor(), log, {any, taken}, {}, {});
    FAIL() << "two servers on one port";
  } catch (const ListenError& error) {
    EXPECT_EQ(error.what(),
              "cannot listen for HTTP on 127.0.0.1:" + std::to_string(taken.port()) + ": Address already in use");
  }
}

TEST(HttpServerBinding, Ipv6AndSeveralEndpoints) {
  boost::asio::io_context io{1};
  RecordingLog log;
  std::vector<tcp::endpoint> listen{{boost::asio::ip::address_v4::loopback(), 0}};
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) GTEST_SKIP() << "this machine has no IPv6";
  ::close(probe);
  listen.push_back({boost::asio::ip::address_v6::loopback(), 0});
  HttpServer server(io.get_executor(), log, listen, {},
                    read_only_site({.metrics = {}, .health = [](HealthProbe) { return HealthReport{true, {}}; }}));
  server.start();
  std::jthread thread([&] { io.run(); });
  for (const auto& endpoint : server.endpoints()) {
    EXPECT_NE(endpoint.port(), 0);
    EXPECT_THAT(Client(endpoint).send(get_livez).half_close().read_all(), EndsWith("ok\n"));
  }
  boost::asio::post(io, [&] { server.stop(); });
}

}  // namespace
}  // namespace pillion::http
