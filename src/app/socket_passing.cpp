#include "app/socket_passing.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace pillion::app {
namespace {

constexpr char end_mark = 'e', descriptor_mark = 'd';

bool send_message(int channel, msghdr& message, char mark) {
  iovec data{.iov_base = &mark, .iov_len = sizeof mark};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  for (;;) {
    if (::sendmsg(channel, &message, MSG_NOSIGNAL) >= 0) return true;
    if (errno != EINTR) return false;
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
  return send_message(channel, message, descriptor_mark);
}

bool send_end(int channel) {
  msghdr message{};
  return send_message(channel, message, end_mark);
}

std::expected<std::vector<int>, int> receive_descriptors(int channel) {
  std::vector<int> descriptors;
  for (;;) {
    char mark = 0;
    iovec data{.iov_base = &mark, .iov_len = sizeof mark};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto size = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return std::unexpected(size < 0 ? errno : EPIPE);
    if (mark == end_mark) return descriptors;
    const auto* const header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return std::unexpected(EMFILE);
    std::memcpy(&descriptors.emplace_back(), CMSG_DATA(header), sizeof(int));
  }
}

}  // namespace pillion::app
