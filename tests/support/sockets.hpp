#pragma once
// Plain sockets for the test programs and clients. Failures throw std::system_error.

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace pillion::test {

/// Throws with errno if `result`, of a system call, is below zero.
void check_call(long result, std::string_view what);

/// A descriptor that closes itself.
class FileDescriptor {
 public:
  /// Takes ownership. If the descriptor is below zero, throws with errno and `what`.
  FileDescriptor(int value, std::string_view what);
  ~FileDescriptor() { close(); }
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  [[nodiscard]] int get() const { return value_; }
  void close();

 private:
  int value_;
};

/// An address and port for sockets.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  /// `address` in presentation form, IPv4 or IPv6. Throws std::invalid_argument.
  [[nodiscard]] static SocketAddress of(const std::string& address, std::uint16_t port);
  /// "127.0.0.1:53" or "[::1]:53". Throws std::invalid_argument.
  [[nodiscard]] static SocketAddress parse(std::string_view text);

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] std::uint16_t port() const;
  void set_port(std::uint16_t port);
  /// The text in the form of parse().
  [[nodiscard]] std::string text() const;
};

/// A listening TCP socket, non-blocking, that shares its port with others of the same user (SO_REUSEPORT).
[[nodiscard]] FileDescriptor listen_tcp(const SocketAddress& address);
/// A connected socket (`kind` is SOCK_STREAM or SOCK_DGRAM), blocking; over TCP with TCP_NODELAY.
[[nodiscard]] FileDescriptor connect_socket(const SocketAddress& address, int kind);
[[nodiscard]] SocketAddress local_address(int socket);
/// Sets TCP_NODELAY: written data is sent immediately.
void set_no_delay(int socket);

}  // namespace pillion::test
