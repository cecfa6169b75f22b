#include "upstream/socket_datagrams.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "upstream/socket_error.hpp"

namespace pillion::upstream {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t receive_buffer_size = 4096;  // bytes, more than any payload size that we advertise
constexpr unsigned datagrams_per_turn = 64;        // then other sockets have their turn

}  // namespace

SocketDatagrams::SocketDatagrams(runtime::Loop& loop, asio::ip::udp::endpoint server, DatagramEvents& events)
    : loop_(loop), server_(std::move(server)), events_(events), socket_(loop.io()), in_(receive_buffer_size) {}

/// An exception leaves the state unknown, so that the connection must end.
template <typename Work>
void SocketDatagrams::contained(Work work) {
  const auto give_up = [this] {
    if (closed_) return;
    loop_.contain("upstream socket", [this] { events_.failed(Error::no_resources, "internal error"); }, [] {});
  };
  loop_.contain("upstream socket", work, give_up);
}

void SocketDatagrams::open() {
  error_code error;
  socket_.open(server_.protocol(), error);
  if (!error) socket_.non_blocking(true, error);
  if (!error) socket_.connect(server_, error);
  ++operations_;
  // opened() and failed() must come from the loop.
  asio::post(loop_.io(), [this, error] {
    if (closed_) return end_operation();
    contained([&] {
      if (error) return events_.failed(socket_error(error), error.message());
      wait();
      events_.opened();
    });
    end_operation();
  });
}

void SocketDatagrams::wait() {
  socket_.async_wait(Socket::wait_read, [this](const error_code& error) { readable(error); });
  ++operations_;
}

void SocketDatagrams::readable(const error_code& error) {
  loop_.clock().refresh();
  contained([&] {
    if (!error) read_all();
    if (!error && !closed_) wait();
  });
  end_operation();
}

void SocketDatagrams::read_all() {
  for (unsigned i = 0; !closed_ && i < datagrams_per_turn; ++i) {
    // Asio does not report whether a datagram was cut. With MSG_TRUNC, recv(2) returns its whole size.
    const auto size = ::recv(socket_.native_handle(), in_.data(), in_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size >= 0) {
      const auto whole = static_cast<std::size_t>(size);
      events_.arrived(dns::Bytes(in_).first(std::min(whole, in_.size())), whole > in_.size());
      // The wait checks the socket first, so that a further datagram is read in the next turn.
      if (closed_ || !events_.expects_more()) return;
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return;
    // An ICMP error for something that we sent: no process listens there.
    const error_code error(errno, boost::system::system_category());
    return events_.failed(socket_error(error), error.message());
  }
}

void SocketDatagrams::end_message() {
  ends_.push_back(out_.size());
  loop_.schedule(*this);
}

void SocketDatagrams::flush() {
  contained([this] { send_all(); });
}

void SocketDatagrams::send_all() {
  std::swap(out_, sending_);
  std::swap(ends_, sending_ends_);
  std::size_t start = 0;
  for (const auto end : sending_ends_) {
    if (closed_) break;
    error_code error;
    const auto datagram = dns::Bytes(sending_).subspan(start, end - start);
    socket_.send(asio::buffer(datagram.data(), datagram.size()), 0, error);
    if (error) not_sent(datagram, error);
    start = end;
  }
  sending_.clear();
  sending_ends_.clear();
}

/// If the socket's buffer is full, the datagram is lost as it might be in the network. The query is sent again later.
void SocketDatagrams::not_sent(dns::Bytes datagram, const error_code& error) {
  if (error == asio::error::would_block || error == asio::error::no_buffer_space) return;
  if (error == asio::error::message_size) return events_.too_large(dns::read_u16(datagram, 0));
  events_.failed(socket_error(error), error.message());
}

void SocketDatagrams::close() {
  closed_ = true;
  error_code ignored;
  socket_.close(ignored);
  // Counts as an operation, so that released() follows even if no other is pending.
  ++operations_;
  asio::post(loop_.io(), [this] { end_operation(); });
}

void SocketDatagrams::end_operation() {
  if (--operations_ == 0 && closed_) asio::post(loop_.io(), [this] { events_.released(); });
}

}  // namespace pillion::upstream
