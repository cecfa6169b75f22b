#include "app/socket_passing.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace pillion::app {
namespace {

/// A message has the number of its descriptor, or this mark if it has no descriptor.
constexpr int end_mark = -1;

bool send_message(int channel, msghdr& message, int number) {
  iovec data{.iov_base = &number, .iov_len = sizeof number};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  for (;;) {
    if (::sendmsg(channel, &message, MSG_NOSIGNAL) >= 0) return true;
    if (errno != EINTR) return false;
  }
}

/// The next message: a descriptor, or the end mark. `here` is -1 if there was no room for the descriptor.
std::expected<PassedDescriptor, int> receive_message(int channel, int flags) {
  for (;;) {
    PassedDescriptor passed;
    iovec data{.iov_base = &passed.there, .iov_len = sizeof passed.there};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto size = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC | flags);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return std::unexpected(size < 0 ? errno : EPIPE);
    const auto* const header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS)
      std::memcpy(&passed.here, CMSG_DATA(header), sizeof passed.here);
    return passed;
  }
}

}  // namespace

bool send_descriptor(int channel, int descriptor) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptor)> control{};
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  auto* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return send_message(channel, message, descriptor);
}

bool send_end(int channel) {
  msghdr message{};
  return send_message(channel, message, end_mark);
}

std::expected<std::vector<int>, int> receive_descriptors(int channel) {
  std::vector<int> descriptors;
  for (;;) {
    const auto passed = receive_message(channel, 0);
    if (!passed) return std::unexpected(passed.error());
    if (passed->there == end_mark) return descriptors;
    if (passed->here < 0) return std::unexpected(EMFILE);
    descriptors.push_back(passed->here);
  }
}

std::optional<PassedDescriptor> take_descriptor(int channel) {
  for (;;) {
    const auto passed = receive_message(channel, MSG_DONTWAIT);
    if (!passed) return std::nullopt;
    if (passed->here >= 0) return *passed;
  }
}

}  // namespace pillion::app
