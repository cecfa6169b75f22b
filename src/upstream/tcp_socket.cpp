#include "upstream/tcp_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include <boost/asio/error.hpp>

namespace pillion::upstream {
namespace {

/// The result of the system call that `call` makes. Repeats it if a signal interrupts it.
template <typename Call>
std::size_t outcome(boost::system::error_code& error, Call call) {
  ssize_t size = -1;
  do size = call();
  while (size < 0 && errno == EINTR);
  if (size >= 0) {
    error = {};
    return static_cast<std::size_t>(size);
  }
  error.assign(errno, boost::asio::error::get_system_category());
  return 0;
}

}  // namespace

std::size_t read_now(TcpSocket& socket, dns::MutableBytes buffer, boost::system::error_code& error) {
  const auto size =
      outcome(error, [&] { return ::recv(socket.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT); });
  if (!error && size == 0 && !buffer.empty()) error = boost::asio::error::eof;
  return size;
}

std::size_t write_now(TcpSocket& socket, dns::Bytes bytes, boost::system::error_code& error) {
  return outcome(
      error, [&] { return ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL); });
}

void forget_writability(TcpSocket& socket) {
  boost::system::error_code error;
  const auto family = socket.local_endpoint(error).protocol();
  if (error) return;
  const auto descriptor = socket.release(error);
  if (error) return;
  socket.assign(family, descriptor, error);
  if (error) ::close(descriptor);
}

}  // namespace pillion::upstream
