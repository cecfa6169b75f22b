#include "telemetry/byte_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "telemetry/close_socket.hpp"

namespace pillion::telemetry {
namespace {

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(runtime::UniqueDescriptor socket) : socket_(std::move(socket)) {}

  bool is_open() override {
    std::array<char, 512> dropped{};
    for (unsigned i = 0; i < reads_at_once; ++i) {
      const auto size = ::recv(socket_.get(), dropped.data(), dropped.size(), MSG_DONTWAIT);
      if (size == 0) return false;
      if (size < 0 && errno != EINTR) return errno == EAGAIN;
    }
    return !is_closed_by_reader(socket_.get());
  }

  std::expected<std::size_t, std::string> write_some(std::string_view bytes, SinkWaits& waits) override {
    while (waits.ready(socket_.get(), POLLOUT | POLLRDHUP)) {
      const auto size = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size >= 0) return static_cast<std::size_t>(size);
      if (errno != EINTR && errno != EAGAIN) return std::unexpected(std::generic_category().message(errno));
      if (is_closed_by_reader(socket_.get())) return std::unexpected(closed_by_server);
    }
    return 0;
  }

  void close(SinkWaits& waits) override { close_socket(std::move(socket_), waits); }

 private:
  runtime::UniqueDescriptor socket_;
};

}  // namespace

bool is_closed_by_reader(int socket) {
  pollfd closed{socket, POLLRDHUP, 0};
  return ::poll(&closed, 1, 0) == 1;
}

std::unique_ptr<ByteStream> plain_stream(runtime::UniqueDescriptor socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace pillion::telemetry
