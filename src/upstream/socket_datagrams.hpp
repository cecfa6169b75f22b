#pragma once
// Datagrams over an Asio socket.

#include <vector>

#include <boost/asio/ip/udp.hpp>

#include "runtime/loop.hpp"
#include "upstream/datagrams.hpp"

namespace pillion::upstream {

class SocketDatagrams final : public Datagrams, runtime::Flushable {
 public:
  SocketDatagrams(runtime::Loop& loop, boost::asio::ip::udp::endpoint server, DatagramEvents& events);
  ~SocketDatagrams() override { loop_.unschedule(*this); }

  void open() override;
  [[nodiscard]] dns::Buffer& out() override { return out_; }
  void end_message() override;
  void close() override;

 private:
  using Socket = boost::asio::basic_datagram_socket<boost::asio::ip::udp, boost::asio::io_context::executor_type>;

  void wait();
  void readable(const boost::system::error_code& error);
  void read_all();
  void flush() override;
  void send_all();
  template <typename Work>
  void contained(Work work);
  void not_sent(dns::Bytes datagram, const boost::system::error_code& error);
  void end_operation();

  runtime::Loop& loop_;
  boost::asio::ip::udp::endpoint server_;
  DatagramEvents& events_;
  Socket socket_;
  bool closed_ = false;
  unsigned operations_ = 0;
  dns::Buffer out_;                // the datagrams of this turn, one after another
  std::vector<std::size_t> ends_;  // the end of each of them
  dns::Buffer sending_;            // the datagrams being sent; separate from out_, since an event may add others
  std::vector<std::size_t> sending_ends_;
  dns::Buffer in_;
};

}  // namespace pillion::upstream
