#pragma once
// Accepts TCP clients and owns their sessions.

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/loop.hpp"
#include "server/query_handler.hpp"
#include "server/tcp_session.hpp"

namespace pillion::server {

class TcpListener final : public SessionOwner {
 public:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

  /// Binds and listens; throws boost::system::system_error. With `share`, other shards bind the same address
  /// (SO_REUSEPORT).
  TcpListener(runtime::Loop& loop, const boost::asio::ip::tcp::endpoint& address, bool share, QueryHandler& handler,
              ClientMemory& memory, const SessionLimits& limits);
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  void start();
  /// Takes no new clients; those that are there go on.
  void stop_accepting();
  /// Closes every client.
  void close_sessions();
  [[nodiscard]] bool has_sessions() const { return !sessions_.empty(); }
  [[nodiscard]] boost::asio::ip::tcp::endpoint address() const { return acceptor_.local_endpoint(); }

 private:
  [[nodiscard]] boost::asio::awaitable<void> accept();
  void admit(TcpSocket socket, const boost::asio::ip::tcp::endpoint& peer);
  [[nodiscard]] dns::MutableBytes read_buffer() override { return read_buffer_; }
  void ended(TcpSession& session) override;

  runtime::Loop& loop_;
  Acceptor acceptor_;
  boost::asio::steady_timer retry_;  // after a failed accept
  QueryHandler& handler_;
  ClientMemory& memory_;
  const SessionLimits& limits_;
  std::unordered_map<TcpSession*, std::unique_ptr<TcpSession>> sessions_;
  dns::Buffer read_buffer_;
};

}  // namespace pillion::server
