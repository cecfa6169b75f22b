#include "support/sockets.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace pillion::test {
namespace {

sockaddr_in* as_v4(SocketAddress& address) {
  return reinterpret_cast<sockaddr_in*>(&address.storage);
}
sockaddr_in6* as_v6(SocketAddress& address) {
  return reinterpret_cast<sockaddr_in6*>(&address.storage);
}

}  // namespace

void check_call(long result, std::string_view what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), std::string(what));
}

FileDescriptor::FileDescriptor(int value, std::string_view what) : value_(value) {
  check_call(value, what);
}
FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(value_, other.value_);
  return *this;
}
void FileDescriptor::close() {
  if (value_ >= 0) ::close(std::exchange(value_, -1));
}

SocketAddress SocketAddress::of(const std::string& address, std::uint16_t port) {
  SocketAddress made;
  if (::inet_pton(AF_INET, address.c_str(), &as_v4(made)->sin_addr) == 1) {
    made.storage.ss_family = AF_INET;
    made.size = sizeof(sockaddr_in);
  } else if (::inet_pton(AF_INET6, address.c_str(), &as_v6(made)->sin6_addr) == 1) {
    made.storage.ss_family = AF_INET6;
    made.size = sizeof(sockaddr_in6);
  } else {
    throw std::invalid_argument("not an address: " + address);
  }
  made.set_port(port);
  return made;
}

SocketAddress SocketAddress::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) throw std::invalid_argument("no port in " + std::string(text));
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument("no port in " + std::string(text));
  }
  auto address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return of(std::string(address), port);
}

// sin_port and sin6_port have the same offset.
std::uint16_t SocketAddress::port() const {
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}
void SocketAddress::set_port(std::uint16_t port) {
  as_v4(*this)->sin_port = htons(port);
}

std::string SocketAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool is_v6 = storage.ss_family == AF_INET6;
  const void* address = is_v6 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr)
                              : &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr;
  ::inet_ntop(storage.ss_family, address, text.data(), text.size());
  return (is_v6 ? "[" + std::string(text.data()) + "]:" : std::string(text.data()) + ":") + std::to_string(port());
}

FileDescriptor listen_tcp(const SocketAddress& address) {
  FileDescriptor socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  check_call(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
  check_call(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
  check_call(::bind(socket.get(), address.get(), address.size), "bind " + address.text());
  check_call(::listen(socket.get(), 1024), "listen");
  return socket;
}

FileDescriptor connect_socket(const SocketAddress& address, int kind) {
  FileDescriptor socket(::socket(address.storage.ss_family, kind | SOCK_CLOEXEC, 0), "socket");
  check_call(::connect(socket.get(), address.get(), address.size), "connect " + address.text());
  if (kind == SOCK_STREAM) set_no_delay(socket.get());
  return socket;
}

SocketAddress local_address(int socket) {
  SocketAddress bound;
  check_call(::getsockname(socket, bound.get(), &bound.size), "getsockname");
  return bound;
}

void set_no_delay(int socket) {
  const int on = 1;
  check_call(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
}

}  // namespace pillion::test
