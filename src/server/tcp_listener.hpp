#pragma once
// Accepts TCP clients and owns their sessions.

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/log_limiter.hpp"
#include "runtime/loop.hpp"
#include "server/bound_address.hpp"
#include "server/query_handler.hpp"
#include "server/shared_limits.hpp"
#include "server/spare_descriptor.hpp"
#include "server/tcp_session.hpp"

namespace pillion::server {

class TcpListener final : public SessionOwner, runtime::Flushable {
 public:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

  /// Takes ownership of the TCP socket of `bound`. Throws boost::system::system_error.
  TcpListener(runtime::Loop& loop, BoundAddress& bound, const SessionTools& tools);
  ~TcpListener() { loop_.unschedule(*this); }
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  void start();
  /// Accepts only the clients that already wait to be accepted. The present sessions continue.
  void stop_accepting();
  /// Has every session apply an idle timeout that has become shorter, some of them in each of the next turns.
  void shorten_timeouts();
  /// Finishes the sessions that have been idle since `since` or longer.
  void finish_idle_sessions(runtime::Time since);
  /// Finishes every session as TcpSession::finish() does.
  void finish_sessions();
  /// Closes every session as TcpSession::abandon() does.
  void close_sessions();
  /// True until the accepting coroutine has ended.
  [[nodiscard]] bool is_accepting() const { return accepting_; }
  [[nodiscard]] bool has_sessions() const { return !sessions_.empty(); }
  /// True if a client still has something to get, as in TcpSession::is_busy().
  [[nodiscard]] bool is_busy() const;
  /// When a client last accepted bytes that were written to it.
  [[nodiscard]] runtime::Time last_write() const;
  [[nodiscard]] int native_handle() { return acceptor_.native_handle(); }
  [[nodiscard]] boost::asio::ip::tcp::endpoint address() const { return acceptor_.local_endpoint(); }

 private:
  [[nodiscard]] boost::asio::awaitable<void> accept();
  [[nodiscard]] boost::asio::awaitable<void> accept_until_closed();
  [[nodiscard]] boost::asio::awaitable<void> accept_clients();
  void accept_failed(const boost::system::error_code& error);
  void accept_waiting();
  void admit(ClientSocket socket, const boost::asio::ip::tcp::endpoint& peer);
  [[nodiscard]] dns::MutableBytes read_buffer() override { return read_buffer_; }
  void ended(TcpSession& session) override;
  void flush() override;

  runtime::Loop& loop_;
  Acceptor acceptor_;
  bool accepting_ = false;
  boost::asio::steady_timer retry_;  // waits after a failed accept
  SpareDescriptor spare_descriptor_;
  runtime::LogLimiter log_limiter_;
  SessionTools tools_;
  std::unordered_map<TcpSession*, std::unique_ptr<TcpSession>> sessions_;
  dns::Buffer read_buffer_;
  // Of shorten_timeouts(): the next bucket of sessions_ to be looked at, and the number of its buckets so far.
  std::size_t next_bucket_ = 0;
  std::size_t buckets_ = 0;
};

}  // namespace pillion::server
