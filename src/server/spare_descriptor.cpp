#include "server/spare_descriptor.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pillion::server {

std::size_t SpareDescriptor::turn_away(int listener, std::size_t limit) {
  give();
  std::size_t count = 0;
  for (; count < limit; ++count) {
    // The listener is non-blocking.
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) break;
    ::close(client);
  }
  keep();
  return count;
}

void SpareDescriptor::keep() {
  descriptor_ = ::eventfd(0, EFD_CLOEXEC);
}

void SpareDescriptor::give() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

}  // namespace pillion::server
