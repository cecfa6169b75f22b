#pragma once
// DNS over UDP to the cluster's resolver: a connected socket with a port of the kernel's choice, random ids, no trust
// in what arrives.

#include <string>
#include <vector>

#include <boost/asio/ip/udp.hpp>

#include "runtime/loop.hpp"
#include "upstream/connection.hpp"
#include "upstream/pipeline.hpp"

namespace pillion::upstream {

class DatagramConnection final : public Connection, runtime::Flushable, runtime::Deadline {
 public:
  DatagramConnection(runtime::Loop& loop, boost::asio::ip::udp::endpoint server, const Encoding& encoding,
                     const ConnectionLimits& limits, ConnectionEvents& events);
  ~DatagramConnection() override { loop_.unschedule(*this); }

  void start() override;
  void submit(Query& query, runtime::Time now) override;
  void probe(runtime::Time now) override;
  void abandon(Query& query) override;
  void retire() override;
  void close() override;
  [[nodiscard]] ConnectionState state() const override { return state_; }
  [[nodiscard]] std::size_t in_flight() const override { return pipeline_.in_flight(); }
  [[nodiscard]] std::size_t waited_for() const override { return pipeline_.waited_for(); }
  [[nodiscard]] bool has_room() const override { return pipeline_.has_room(); }
  [[nodiscard]] std::uint64_t answered() const override { return pipeline_.answered(); }

 private:
  using Socket = boost::asio::basic_datagram_socket<boost::asio::ip::udp, boost::asio::io_context::executor_type>;

  void wait();
  void readable(const boost::system::error_code& error);
  bool consume(std::size_t size, runtime::Time now);
  void send(const Query& query);
  void flush() override;
  void expired(runtime::Time now) override;
  void finish(std::optional<Error> error, std::string detail);
  void end_operation();

  runtime::Loop& loop_;
  boost::asio::ip::udp::endpoint server_;
  Encoding encoding_;
  const ConnectionLimits& limits_;
  ConnectionEvents& events_;
  Socket socket_;
  Pipeline pipeline_;
  ConnectionState state_ = ConnectionState::connecting;
  bool closed_ = false;
  unsigned operations_ = 0;
  std::uint64_t sent_ = 0;
  dns::Buffer out_;                // datagrams of this turn, one after the other
  std::vector<std::size_t> ends_;  // where each of them ends
  dns::Buffer in_;
};

}  // namespace pillion::upstream
