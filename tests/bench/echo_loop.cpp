// echo_loop: the floor to which `make bench` compares cached answers. It does the least work for an answer with epoll:
// it returns each query with the QR bit set, over TCP all whole messages of a read in one write, over UDP by recvmmsg
// and sendmmsg. It only reads the length.

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/clients.hpp"
#include "dns/wire.hpp"
#include "support/sockets.hpp"

namespace pillion::test {
namespace {

/// A bound UDP socket, and room for one batch of datagrams that are sent back from where they were received.
class Datagrams {
 public:
  explicit Datagrams(const SocketAddress& address)
      : socket_(::socket(address.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket") {
    check_call(::bind(socket_.get(), address.get(), address.size), "bind " + address.text());
    for (std::size_t i = 0; i < batch; ++i) {
      parts_[i] = {.iov_base = bytes_[i].data(), .iov_len = datagram_size};
      messages_[i].msg_hdr.msg_name = &clients_[i];
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  // The headers point into the object.
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  void echo_all() {
    while (echo_batch() == batch) continue;
  }

 private:
  static constexpr std::size_t batch = 64;
  static constexpr std::size_t datagram_size = 4096;

  /// Returns the number of received datagrams.
  std::size_t echo_batch() {
    for (std::size_t i = 0; i < batch; ++i) {
      messages_[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
      parts_[i].iov_len = datagram_size;
    }
    const auto received = ::recvmmsg(socket_.get(), messages_.data(), batch, 0, nullptr);
    if (received <= 0) return 0;
    const auto count = static_cast<std::size_t>(received);
    for (std::size_t i = 0; i < count; ++i) {
      parts_[i].iov_len = messages_[i].msg_len;
      bytes_[i][2] |= static_cast<std::uint8_t>(dns::flag::qr >> 8U);
    }
    // UDP may lose datagrams: those that the socket does not take are dropped.
    ::sendmmsg(socket_.get(), messages_.data(), static_cast<unsigned>(count), 0);
    return count;
  }

  FileDescriptor socket_;
  std::vector<std::array<std::uint8_t, datagram_size>> bytes_{batch};
  std::array<sockaddr_storage, batch> clients_{};
  std::array<iovec, batch> parts_{};
  std::array<mmsghdr, batch> messages_{};
};

void echo(Clients& clients, int descriptor) {
  clients.read(descriptor, [&](dns::Bytes query) {
    auto& out = *clients.answers_to(descriptor);
    out.append_u16(static_cast<std::uint16_t>(query.size()));
    out.append_u16(dns::read_u16(query, 0));
    out.append_u16(dns::read_u16(query, 2) | dns::flag::qr);
    out.append(query.subspan(4));
  });
}

[[noreturn]] void run(const SocketAddress& listen) {
  const FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC), "epoll");
  Clients clients(listen, epoll.get());
  const auto address = local_address(clients.listener());
  Datagrams datagrams(address);
  watch(epoll.get(), EPOLL_CTL_ADD, datagrams.descriptor(), EPOLLIN);
  std::cout << "listening " << address.text() << std::endl;

  std::array<epoll_event, 64> events{};
  for (;;) {
    const auto count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) check_call(count, "epoll_wait");
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      const auto descriptor = event.data.fd;
      if (descriptor == datagrams.descriptor()) {
        datagrams.echo_all();
      } else if (descriptor == clients.listener()) {
        clients.accept_all();
      } else {
        if ((event.events & EPOLLOUT) != 0) clients.writable(descriptor);
        echo(clients, descriptor);
      }
    }
    clients.flush();
  }
}

SocketAddress read_options(const std::vector<std::string>& arguments) {
  if (arguments.size() != 2 || arguments[0] != "--listen") throw std::invalid_argument("usage: echo_loop --listen A:P");
  return SocketAddress::parse(arguments[1]);
}

}  // namespace
}  // namespace pillion::test

int main(int argc, char** argv) {
  try {
    ::signal(SIGPIPE, SIG_IGN);
    pillion::test::run(pillion::test::read_options({argv + 1, argv + argc}));
  } catch (const std::exception& error) {
    std::cerr << "echo_loop: " << error.what() << '\n';
    return 1;
  }
}
