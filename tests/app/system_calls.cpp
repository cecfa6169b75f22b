#include "app/system_calls.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>

#include <dlfcn.h>

namespace pillion::app::testing {
namespace {

enum class Call : std::uint8_t {
  epoll_wait,
  epoll_ctl,
  timerfd_settime,
  setsockopt,
  accept,
  read,
  recv,
  recvfrom,
  recvmsg,
  recvmmsg,
  write,
  send,
  sendto,
  sendmsg,
  sendmmsg,
  count
};
constexpr std::size_t calls = static_cast<std::size_t>(Call::count);
constexpr std::array<const char*, calls> names{"epoll_wait", "epoll_ctl", "timerfd_settime", "setsockopt", "accept",
                                               "read",       "recv",      "recvfrom",        "recvmsg",    "recvmmsg",
                                               "write",      "send",      "sendto",          "sendmsg",    "sendmmsg"};

thread_local bool is_counted = false;
std::array<std::atomic<std::size_t>, calls> counts{};

/// Counts the call. Returns the function of the C library that `own` replaces.
template <typename Function>
Function* counted(Call call, Function* /*own*/) {
  const auto index = static_cast<std::size_t>(call);
  if (is_counted) counts[index].fetch_add(1, std::memory_order_relaxed);
  static std::array<std::atomic<void*>, calls> hidden{};
  auto* found = hidden[index].load(std::memory_order_relaxed);
  if (found == nullptr) {
    found = ::dlsym(RTLD_NEXT, names[index]);
    hidden[index].store(found, std::memory_order_relaxed);
  }
  return reinterpret_cast<Function*>(found);
}

}  // namespace

void count_my_system_calls() {
  is_counted = true;
  for (auto& count : counts) count = 0;
}

std::map<std::string, std::size_t> system_calls() {
  std::map<std::string, std::size_t> result;
  for (std::size_t i = 0; i < calls; ++i) {
    if (const auto count = counts[i].load(); count > 0) result[names[i]] = count;
  }
  return result;
}

}  // namespace pillion::app::testing

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
#define COUNTED(name) pillion::app::testing::counted(pillion::app::testing::Call::name, ::name)
extern "C" {

int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  return COUNTED(epoll_wait)(epoll, events, most, timeout);
}
int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) noexcept {
  return COUNTED(epoll_ctl)(epoll, operation, descriptor, event);
}
int timerfd_settime(int timer, int flags, const itimerspec* value, itimerspec* old) noexcept {
  return COUNTED(timerfd_settime)(timer, flags, value, old);
}
int setsockopt(int socket, int level, int name, const void* value, socklen_t size) noexcept {
  return COUNTED(setsockopt)(socket, level, name, value, size);
}
int accept(int socket, sockaddr* address, socklen_t* size) {
  return COUNTED(accept)(socket, address, size);
}
ssize_t read(int descriptor, void* buffer, std::size_t size) {
  return COUNTED(read)(descriptor, buffer, size);
}
ssize_t recv(int socket, void* buffer, std::size_t size, int flags) {
  return COUNTED(recv)(socket, buffer, size, flags);
}
ssize_t recvfrom(int socket, void* buffer, std::size_t size, int flags, sockaddr* address, socklen_t* address_size) {
  return COUNTED(recvfrom)(socket, buffer, size, flags, address, address_size);
}
ssize_t recvmsg(int socket, msghdr* message, int flags) {
  return COUNTED(recvmsg)(socket, message, flags);
}
int recvmmsg(int socket, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  return COUNTED(recvmmsg)(socket, messages, count, flags, timeout);
}
ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  return COUNTED(write)(descriptor, bytes, size);
}
ssize_t send(int socket, const void* bytes, std::size_t size, int flags) {
  return COUNTED(send)(socket, bytes, size, flags);
}
ssize_t sendto(int socket, const void* bytes, std::size_t size, int flags, const sockaddr* to, socklen_t to_size) {
  return COUNTED(sendto)(socket, bytes, size, flags, to, to_size);
}
ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  return COUNTED(sendmsg)(socket, message, flags);
}
int sendmmsg(int socket, mmsghdr* messages, unsigned count, int flags) {
  return COUNTED(sendmmsg)(socket, messages, count, flags);
}

}  // extern "C"
#undef COUNTED
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
