#include "server/packet_info.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <boost/system/system_error.hpp>

namespace pillion::server {

void ask_for_packet_info(int socket, IpFamily family) {
  const int on = 1;
  const auto level = family == IpFamily::ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
  const auto option = family == IpFamily::ipv4 ? IP_PKTINFO : IPV6_RECVPKTINFO;
  if (::setsockopt(socket, level, option, &on, sizeof on) != 0)
    throw boost::system::system_error(errno, boost::system::generic_category(), "IP_PKTINFO");
}

void read_packet_info(msghdr& message, DatagramPath& path) {
  for (auto* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      std::memcpy(&path.local, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      path.local = info.ipi6_addr;
      path.interface = static_cast<int>(info.ipi6_ifindex);
    }
  }
}

void append_packet_info(msghdr& message, const DatagramPath& path, IpFamily family) {
  if (family == IpFamily::ipv4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, &path.local, sizeof info.ipi_spec_dst);
    append_control(message, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
  } else {
    in6_pktinfo info{};
    info.ipi6_addr = path.local;
    info.ipi6_ifindex = static_cast<unsigned>(path.interface);
    append_control(message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
  }
}

void append_control(msghdr& message, int level, int type, const void* data, std::size_t size) {
  auto* const place = static_cast<std::uint8_t*>(message.msg_control) + message.msg_controllen;
  auto* const control = reinterpret_cast<cmsghdr*>(place);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(control), data, size);
  message.msg_controllen += CMSG_SPACE(size);
}

}  // namespace pillion::server
