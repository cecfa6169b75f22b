#include "support/dot_server.hpp"

#include <array>
#include <deque>
#include <future>
#include <map>
#include <thread>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "support/dot_server_state.hpp"
#include "support/dot_session.hpp"
#include "support/faulty_reply.hpp"

namespace pillion::test {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using ErrorCode = boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;

/// Everything except the constructor and the destructor runs in the server's thread.
class DotServer::Implementation final : public SessionHost {
 public:
  explicit Implementation(ServerOptions options);
  ~Implementation();
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  /// Runs `work` in the server's thread, waits for it, and rethrows its exception.
  template <typename Work>
  void run(Work work) {
    std::packaged_task<void()> task(std::move(work));
    auto done = task.get_future();
    asio::post(context_, std::move(task));
    done.get();
  }

  void open_sockets();
  void close_sockets();
  void release(bool reverse);
  void close_connections(Ending ending);
  void resume_all();

  Pending prepare(const ParsedQuery& query, Transport transport, std::uint64_t connection,
                  std::uint16_t source_port) override;
  void keep(Pending pending) override;
  void reap(std::uint64_t connection) override { sessions_.erase(connection); }

  ServerOptions options_;
  DotServerState state_;
  std::uint16_t tls_port_ = 0;
  std::uint16_t plain_port_ = 0;

 private:
  void accept(tcp::acceptor& acceptor, bool tls);
  void receive();
  void serve_datagram(std::size_t size);
  void send(Pending pending);
  void send_due();

  asio::io_context context_{1};
  tcp::acceptor tls_acceptor_{context_};
  tcp::acceptor tcp_acceptor_{context_};
  udp::socket udp_socket_{context_};
  std::array<std::uint8_t, dns::max_message_size> datagram_{};
  udp::endpoint peer_;
  asio::steady_timer delay_timer_{context_};
  std::multimap<SteadyClock::time_point, Pending> delayed_;
  std::deque<Pending> held_;
  std::uint64_t last_connection_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread thread_;
};

DotServer::Implementation::Implementation(ServerOptions options)
    : options_(std::move(options)), state_(options_.settings, options_.tls) {
  open_sockets();
  thread_ = std::thread([this] { context_.run(); });
}

DotServer::Implementation::~Implementation() {
  context_.stop();
  thread_.join();
}

void DotServer::Implementation::open_sockets() {
  const auto address = asio::ip::make_address(options_.address);
  const auto listen = [&](tcp::acceptor& acceptor, std::uint16_t port) {
    acceptor.close();
    acceptor.open(address.is_v6() ? tcp::v6() : tcp::v4());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind({address, port});
    acceptor.listen();
    return acceptor.local_endpoint().port();
  };
  if (options_.tls) {
    tls_port_ = listen(tls_acceptor_, tls_port_);
    accept(tls_acceptor_, true);
  }
  if (options_.plain) {
    // The kernel chooses the port for TCP. Since it is seldom in use for UDP, a few attempts are enough.
    for (int attempt = 0;; ++attempt) {
      const auto port = listen(tcp_acceptor_, plain_port_);
      ErrorCode error;
      udp_socket_.open(address.is_v6() ? udp::v6() : udp::v4());
      udp_socket_.bind({address, port}, error);
      if (!error) {
        plain_port_ = port;
        break;
      }
      if (plain_port_ != 0 || attempt == 10) throw boost::system::system_error(error);
      tcp_acceptor_.close();
      udp_socket_.close();
    }
    accept(tcp_acceptor_, false);
    receive();
  }
}

void DotServer::Implementation::close_sockets() {
  const auto address = asio::ip::make_address(options_.address);
  // The port stays bound, so that no client reaches the server of another test there.
  const auto stop_listening = [&](tcp::acceptor& acceptor, std::uint16_t port) {
    if (!acceptor.is_open()) return;
    acceptor.close();
    acceptor.open(address.is_v6() ? tcp::v6() : tcp::v4());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind({address, port});
  };
  stop_listening(tls_acceptor_, tls_port_);
  stop_listening(tcp_acceptor_, plain_port_);
  udp_socket_.close();
}

void DotServer::Implementation::accept(tcp::acceptor& acceptor, bool tls) {
  acceptor.async_accept([this, &acceptor, tls](const ErrorCode& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      const auto id = ++last_connection_;
      const auto context = tls ? state_.tls_context() : nullptr;
      auto session = std::make_unique<Session>(*this, state_, id, std::move(socket), context.get());
      state_.count([](Counters& counters) {
        ++counters.connections;
        ++counters.open_connections;
      });
      sessions_.emplace(id, std::move(session)).first->second->start();
    }
    accept(acceptor, tls);
  });
}

void DotServer::Implementation::receive() {
  udp_socket_.async_receive_from(asio::buffer(datagram_), peer_, [this](const ErrorCode& error, std::size_t size) {
    if (error == asio::error::operation_aborted) return;
    if (!error) serve_datagram(size);
    receive();
  });
}

void DotServer::Implementation::serve_datagram(std::size_t size) {
  const auto query = parse_query(dns::Bytes(datagram_).first(size));
  if (!query) return state_.count([](Counters& counters) { ++counters.malformed_queries; });
  auto pending = prepare(*query, Transport::udp, 0, peer_.port());
  pending.peer = peer_;
  if (pending.fault.drop) return;
  if (pending.fault.hold || pending.fault.delay.count() > 0) {
    keep(std::move(pending));
  } else {
    send(std::move(pending));
  }
}

Pending DotServer::Implementation::prepare(const ParsedQuery& query, Transport transport, std::uint64_t connection,
                                           std::uint16_t source_port) {
  auto name = name_text(query.name);
  Pending pending{.connection = connection, .fault = state_.take_fault(name, query.type)};
  state_.count_query({.transport = transport,
                      .connection = connection,
                      .source_port = source_port,
                      .name = std::move(name),
                      .id = query.id,
                      .type = query.type,
                      .message = {query.message.begin(), query.message.end()}});
  const auto settings = state_.settings();
  auto answers = settings->answers;
  if (pending.fault.rcode) answers.rcode = pending.fault.rcode;
  if (transport == Transport::udp) answers.size_limit = query.udp_payload;
  append_answer(query, answers, pending.message);
  spoil(pending.message, pending.fault.reply);
  return pending;
}

void DotServer::Implementation::keep(Pending pending) {
  if (pending.fault.hold) {
    held_.push_back(std::move(pending));
    return state_.count([](Counters& counters) { ++counters.held; });
  }
  const auto due = SteadyClock::now() + pending.fault.delay;
  const bool is_next = delayed_.empty() || due < delayed_.begin()->first;
  delayed_.emplace(due, std::move(pending));
  if (is_next) send_due();
}

void DotServer::Implementation::send_due() {
  while (!delayed_.empty() && delayed_.begin()->first <= SteadyClock::now()) {
    auto node = delayed_.extract(delayed_.begin());
    send(std::move(node.mapped()));
  }
  if (delayed_.empty()) return;
  delay_timer_.expires_at(delayed_.begin()->first);
  delay_timer_.async_wait([this](const ErrorCode& error) {
    if (!error) send_due();
  });
}

void DotServer::Implementation::send(Pending pending) {
  if (pending.connection != 0) {
    const auto session = sessions_.find(pending.connection);
    if (session != sessions_.end()) session->second->answer(std::move(pending));
    return;
  }
  ErrorCode ignored;  // UDP may lose the answer
  for (int copies = pending.fault.twice ? 2 : 1; copies > 0; --copies) {
    udp_socket_.send_to(asio::buffer(pending.message), pending.peer, 0, ignored);
  }
  state_.count([](Counters& counters) { ++counters.answers; });
}

void DotServer::Implementation::release(bool reverse) {
  auto held = std::exchange(held_, {});
  state_.count([](Counters& counters) { counters.held = 0; });
  while (!held.empty()) {
    auto& next = reverse ? held.back() : held.front();
    send(std::move(next));
    reverse ? held.pop_back() : held.pop_front();
  }
}

void DotServer::Implementation::close_connections(Ending ending) {
  // A session that ends is destroyed later, not during this loop.
  for (const auto& [id, session] : sessions_) {
    if (ending == Ending::reset) {
      session->reset();
    } else {
      session->close_orderly();
    }
  }
}

void DotServer::Implementation::resume_all() {
  for (const auto& [id, session] : sessions_) session->resume();
}

DotServer::DotServer(ServerOptions options) : implementation_(std::make_unique<Implementation>(std::move(options))) {}
DotServer::~DotServer() = default;

const std::string& DotServer::address() const {
  return implementation_->options_.address;
}
std::uint16_t DotServer::tls_port() const {
  return implementation_->tls_port_;
}
std::uint16_t DotServer::plain_port() const {
  return implementation_->plain_port_;
}

namespace {
std::string endpoint_text(const std::string& address, std::uint16_t port) {
  const bool is_v6 = address.find(':') != std::string::npos;
  return (is_v6 ? "[" + address + "]:" : address + ":") + std::to_string(port);
}
}  // namespace

std::string DotServer::tls_endpoint() const {
  return endpoint_text(address(), tls_port());
}
std::string DotServer::plain_endpoint() const {
  return endpoint_text(address(), plain_port());
}

void DotServer::change(const std::function<void(ServerSettings&)>& edit) {
  implementation_->state_.change(edit);
  implementation_->run([this] { implementation_->resume_all(); });
}
void DotServer::on_query(QueryFault fault) {
  implementation_->state_.add_fault(std::move(fault));
}
void DotServer::clear_faults() {
  implementation_->state_.clear_faults();
}
void DotServer::release(bool reverse) {
  implementation_->run([this, reverse] { implementation_->release(reverse); });
}
void DotServer::refuse_old_tickets() {
  implementation_->state_.renew_tls_context();
}
void DotServer::close_connections(Ending ending) {
  implementation_->run([this, ending] { implementation_->close_connections(ending); });
}
void DotServer::stop_listening() {
  implementation_->run([this] { implementation_->close_sockets(); });
}
void DotServer::listen_again() {
  implementation_->run([this] { implementation_->open_sockets(); });
}
Counters DotServer::counters() const {
  return implementation_->state_.counters();
}
std::vector<ReceivedQuery> DotServer::queries() const {
  return implementation_->state_.queries();
}
std::vector<ReceivedRecord> DotServer::records() const {
  return implementation_->state_.records();
}
bool DotServer::wait_for(const std::function<bool(const Counters&)>& enough, std::chrono::milliseconds limit) const {
  return implementation_->state_.wait_for(enough, limit);
}

}  // namespace pillion::test
