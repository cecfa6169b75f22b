#include "telemetry/close_socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace pillion::telemetry {

void close_socket(runtime::UniqueDescriptor socket, SinkWaits& waits) {
  constexpr std::chrono::milliseconds patience{500};
  ::shutdown(socket.get(), SHUT_WR);
  const auto end = std::chrono::steady_clock::now() + patience;
  std::array<char, 512> dropped{};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !waits.ready(socket.get(), POLLIN, left)) return;
    const auto size = ::recv(socket.get(), dropped.data(), dropped.size(), 0);
    if (size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN)) return;
  }
}

}  // namespace pillion::telemetry
