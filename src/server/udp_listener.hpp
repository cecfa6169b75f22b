#pragma once
// UDP clients. Datagrams are received and answers are sent in batches, with recvmmsg(2) and sendmmsg(2).

#include <cstddef>
#include <memory>

#include <boost/asio/ip/udp.hpp>

#include "runtime/loop.hpp"
#include "server/bound_address.hpp"
#include "server/client.hpp"
#include "server/datagram_answers.hpp"
#include "server/dropped_datagrams.hpp"
#include "server/query_handler.hpp"

namespace pillion::server {

class UdpListener final : public Responder, runtime::Flushable {
 public:
  /// Takes ownership of the UDP socket of `bound`. Throws boost::system::system_error.
  UdpListener(runtime::Loop& loop, BoundAddress& bound, QueryHandler& handler);
  ~UdpListener();
  UdpListener(const UdpListener&) = delete;
  UdpListener& operator=(const UdpListener&) = delete;

  void start() { wait(); }
  /// Handles the datagrams that have arrived. The kernel rejects later ones, so that their senders try elsewhere at
  /// once. Answers are still sent.
  void finish();
  void stop();
  /// After finish(): lets another socket of this process have the address, as let_take_back() does.
  void let_take_back() { server::let_take_back(socket_.native_handle()); }
  /// True until stop().
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] boost::asio::ip::udp::endpoint address() const { return socket_.local_endpoint(); }
  /// True while the kernel holds one of our handlers.
  [[nodiscard]] bool is_waiting() const { return waiting_; }
  /// True if a query of this socket was not answered yet, or its answer was not sent.
  [[nodiscard]] bool is_busy() const { return in_flight_ > 0 || answers_.size() > 0; }
  [[nodiscard]] int native_handle() { return socket_.native_handle(); }

 private:
  using Socket = boost::asio::basic_datagram_socket<boost::asio::ip::udp, boost::asio::io_context::executor_type>;
  struct Batch;

  [[nodiscard]] bool can_take() override { return true; }
  [[nodiscard]] bool can_hold(std::size_t /*size*/) override { return true; }
  void wait_to_take(ClientQuery& /*query*/) override {}
  dns::Buffer* begin_answer(ClientQuery& query) override;
  void end_answer(ClientQuery& query, std::size_t message_start) override;
  void abandon_answer(ClientQuery& /*query*/) override { answers_.abandon(); }
  void forget(ClientQuery& /*query*/) override { --in_flight_; }

  void wait();
  void readable(const boost::system::error_code& error);
  std::size_t receive();
  std::size_t handle_batch();
  void handle(std::size_t index);
  void flush() override;

  runtime::Loop& loop_;
  Socket socket_;
  QueryHandler& handler_;
  IpFamily family_;
  bool wildcard_;  // True if the kernel must report and be told the local address
  bool waiting_ = false;
  std::size_t in_flight_ = 0;
  std::unique_ptr<Batch> batch_;
  DatagramAnswers answers_;
  DroppedDatagrams dropped_;
};

}  // namespace pillion::server
