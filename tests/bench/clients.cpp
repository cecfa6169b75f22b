#include "bench/clients.hpp"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <utility>

namespace pillion::test {
namespace {

constexpr std::size_t client_read_size = 64UL * 1024;

}  // namespace

void Stream::consume(std::size_t size) {
  start_ += size;
  if (empty()) {
    buffer_.clear();
    start_ = 0;
  } else if (start_ > buffer_.size() / 2) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
    start_ = 0;
  }
}

void watch(int epoll, int operation, int descriptor, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  check_call(::epoll_ctl(epoll, operation, descriptor, &event), "epoll_ctl");
}

Clients::Clients(const SocketAddress& listen, int epoll)
    : epoll_(epoll), listener_(listen_tcp(listen)), read_buffer_(client_read_size) {
  watch(epoll_, EPOLL_CTL_ADD, listener_.get(), EPOLLIN);
}

void Clients::accept_all() {
  for (;;) {
    const auto descriptor = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    set_no_delay(descriptor);
    clients_.emplace(descriptor, Client{.socket = FileDescriptor(descriptor, "accept")});
    watch(epoll_, EPOLL_CTL_ADD, descriptor, EPOLLIN);
  }
}

Stream* Clients::receive(int descriptor) {
  const auto found = clients_.find(descriptor);
  if (found == clients_.end()) return nullptr;
  const auto size = ::recv(descriptor, read_buffer_.data(), read_buffer_.size(), 0);
  if (size <= 0) {
    if (size == 0 || errno != EAGAIN) clients_.erase(found);
    return nullptr;
  }
  auto& in = found->second.in;
  in.append(dns::Bytes(read_buffer_).first(static_cast<std::size_t>(size)));
  return &in;
}

Stream* Clients::answers_to(int descriptor) {
  const auto found = clients_.find(descriptor);
  if (found == clients_.end()) return nullptr;
  auto& out = found->second.out;
  if (out.empty()) answered_.push_back(descriptor);
  return &out;
}

void Clients::flush() {
  for (const auto descriptor : answered_) flush(descriptor);
  answered_.clear();
}

void Clients::flush(int descriptor) {
  const auto found = clients_.find(descriptor);
  if (found == clients_.end()) return;
  auto& client = found->second;
  while (!client.out.empty()) {
    const auto bytes = client.out.bytes();
    const auto written = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written <= 0) break;
    client.out.consume(static_cast<std::size_t>(written));
  }
  const bool waits = !client.out.empty();
  if (waits != std::exchange(client.waits, waits)) {
    watch(epoll_, EPOLL_CTL_MOD, descriptor, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
}

}  // namespace pillion::test
