#include "upstream/datagram_connection.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "upstream/socket_error.hpp"

namespace pillion::upstream {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t read_size = 4096;  // more than any payload size that we advertise
constexpr unsigned reads_per_turn = 64;  // then other sockets have their turn

}  // namespace

DatagramConnection::DatagramConnection(runtime::Loop& loop, asio::ip::udp::endpoint server, const Encoding& encoding,
                                       const ConnectionLimits& limits, ConnectionEvents& events)
    : loop_(loop),
      server_(std::move(server)),
      encoding_(encoding),
      limits_(limits),
      events_(events),
      socket_(loop.io()),
      pipeline_(limits.max_in_flight, [&loop] { return loop.random().u16(); }),
      in_(read_size) {}

void DatagramConnection::start() {
  error_code error;
  socket_.open(server_.protocol(), error);
  if (!error) socket_.non_blocking(true, error);
  if (!error) socket_.connect(server_, error);
  ++operations_;
  // ready() and closed() come from the loop, not from here.
  asio::post(loop_.io(), [this, error] {
    if (error) {
      finish(socket_error(error), error.message());
    } else if (!closed_) {
      state_ = ConnectionState::ready;
      pipeline_.begin(loop_.clock().now());
      wait();
      events_.ready(*this, Handshake{});
    }
    end_operation();
  });
}

void DatagramConnection::wait() {
  ++operations_;
  socket_.async_wait(Socket::wait_read, [this](const error_code& error) { readable(error); });
}

void DatagramConnection::readable(const error_code& error) {
  const auto now = loop_.clock().refresh();
  for (unsigned i = 0; !error && !closed_ && i < reads_per_turn; ++i) {
    error_code read_error;
    const auto size = socket_.receive(asio::buffer(in_), 0, read_error);
    if (read_error == asio::error::would_block) break;
    if (read_error) {
      // An ICMP error for something that we sent: nobody listens there.
      finish(socket_error(read_error), read_error.message());
    } else if (!consume(size, now)) {
      break;
    } else if (pipeline_.in_flight() == 0 && !pipeline_.is_probing()) {
      // Nothing is expected; the wait looks at the socket first, so that what is there all the same comes next turn.
      break;
    }
  }
  if (!error && !closed_) wait();
  end_operation();
}

/// False when the connection has ended.
bool DatagramConnection::consume(std::size_t size, runtime::Time now) {
  const auto received = pipeline_.receive(dns::Bytes(in_).first(size), now);
  if (!received) {
    events_.ignored(*this, received.error());
    return true;
  }
  if (received->is_of_probe) {
    events_.answered_probe(*this);
  } else {
    events_.received(*this, received->message);
  }
  if (!closed_ && state_ == ConnectionState::draining && pipeline_.waited_for() == 0) finish(std::nullopt, {});
  return !closed_;
}

void DatagramConnection::submit(Query& query, runtime::Time now) {
  query.carrier = this;
  pipeline_.add(query, now);
  send(query);
  if (!is_set() || at() > now + Liveness::probe_after) loop_.set_deadline(*this, now + Liveness::probe_after);
  if (++sent_ == limits_.queries_per_port) events_.wears_out(*this);
}

void DatagramConnection::probe(runtime::Time now) {
  if (pipeline_.is_probing()) return;
  send(pipeline_.start_probe(now, Pipeline::Purpose::server));
  expired(now);
}

void DatagramConnection::send(const Query& query) {
  encode_query(query, query.id, encoding_, out_);
  ends_.push_back(out_.size());
  loop_.schedule(*this);
}

void DatagramConnection::abandon(Query& query) {
  pipeline_.abandon(query);
  if (state_ == ConnectionState::draining && pipeline_.waited_for() == 0) finish(std::nullopt, {});
}

void DatagramConnection::flush() {
  std::size_t start = 0;
  for (const auto end : ends_) {
    if (closed_) break;
    error_code error;
    socket_.send(asio::buffer(out_.data() + start, end - start), 0, error);
    start = end;
    // A full socket buffer loses the datagram as the network might: the query is sent again after its share of the
    // budget.
    if (error && error != asio::error::would_block && error != asio::error::no_buffer_space)
      finish(socket_error(error), error.message());
  }
  out_.clear();
  ends_.clear();
}

void DatagramConnection::expired(runtime::Time now) {
  if (closed_) return;
  switch (pipeline_.look(now)) {
    case Liveness::Verdict::dead:
      return finish(Error::stalled, "no reply while queries wait, nor to a probe");
    case Liveness::Verdict::probe:
      send(pipeline_.start_probe(now, Pipeline::Purpose::silence));
      break;
    case Liveness::Verdict::wait:
      break;
  }
  if (pipeline_.is_worn(now, limits_.id_lifetime) && state_ == ConnectionState::ready) events_.wears_out(*this);
  if (const auto look_at = pipeline_.look_at(now, limits_.id_lifetime)) loop_.set_deadline(*this, *look_at);
}

void DatagramConnection::retire() {
  if (closed_) return;
  state_ = ConnectionState::draining;
  if (pipeline_.waited_for() == 0) finish(std::nullopt, {});
}

void DatagramConnection::close() {
  finish(std::nullopt, {});
}

void DatagramConnection::finish(std::optional<Error> error, std::string detail) {
  if (closed_) return;
  closed_ = true;
  state_ = ConnectionState::draining;
  loop_.clear_deadline(*this);
  error_code ignored;
  socket_.close(ignored);
  // An operation of its own, so that gone() follows even where none is under way.
  ++operations_;
  asio::post(loop_.io(), [this] { end_operation(); });
  events_.closed(*this, error, std::move(detail), pipeline_.close());
}

void DatagramConnection::end_operation() {
  if (--operations_ == 0 && closed_) asio::post(loop_.io(), [this] { events_.gone(*this); });
}

}  // namespace pillion::upstream
