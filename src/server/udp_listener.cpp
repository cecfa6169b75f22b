#include "server/udp_listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/system/system_error.hpp>

#include "server/address.hpp"

namespace pillion::server {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t batch_size = 32;       // datagrams for one system call
constexpr std::size_t datagram_size = 4096;  // more than a query needs; what is longer arrives cut, and is malformed
constexpr unsigned batches_per_turn = 4;     // then other sockets have their turn
constexpr std::size_t control_size = CMSG_SPACE(sizeof(in6_pktinfo));

void ask_for_local_address(int socket, Family family) {
  const int on = 1;
  const auto level = family == Family::ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
  const auto option = family == Family::ipv4 ? IP_PKTINFO : IPV6_RECVPKTINFO;
  if (::setsockopt(socket, level, option, &on, sizeof on) != 0)
    throw boost::system::system_error(errno, boost::system::generic_category(), "IP_PKTINFO");
}

void read_local_address(msghdr& message, DatagramPath& path) {
  for (auto* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      std::memcpy(&path.local, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
      path.interface = info.ipi_ifindex;
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      path.local = info.ipi6_addr;
      path.interface = static_cast<int>(info.ipi6_ifindex);
    }
  }
}

template <typename Info>
void write_control(msghdr& message, std::array<std::uint8_t, control_size>& space, int level, int type,
                   const Info& info) {
  message.msg_control = space.data();
  message.msg_controllen = CMSG_SPACE(sizeof info);
  auto* const control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(control), &info, sizeof info);
}

void write_local_address(msghdr& message, std::array<std::uint8_t, control_size>& space, const DatagramPath& path,
                         Family family) {
  if (family == Family::ipv4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, &path.local, sizeof info.ipi_spec_dst);
    write_control(message, space, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    info.ipi6_addr = path.local;
    info.ipi6_ifindex = static_cast<unsigned>(path.interface);
    write_control(message, space, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

ClientAddress client_address(const sockaddr_storage& peer) {
  ClientAddress address{};
  if (peer.ss_family == AF_INET) {
    address[10] = address[11] = 0xff;
    std::memcpy(address.data() + 12, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, 4);
  } else {
    std::memcpy(address.data(), &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr, 16);
  }
  return address;
}

}  // namespace

/// Space for one recvmmsg or sendmmsg.
struct UdpListener::Batch {
  std::array<mmsghdr, batch_size> headers{};
  std::array<iovec, batch_size> vectors{};
  std::array<DatagramPath, batch_size> paths{};
  std::array<std::array<std::uint8_t, control_size>, batch_size> controls{};
  std::array<std::array<std::uint8_t, datagram_size>, batch_size> data;
};

UdpListener::UdpListener(runtime::Loop& loop, const asio::ip::udp::endpoint& address, bool share, QueryHandler& handler)
    : loop_(loop),
      socket_(loop.io()),
      handler_(handler),
      family_(address.address().is_v4() ? Family::ipv4 : Family::ipv6),
      wildcard_(address.address().is_unspecified()),
      batch_(std::make_unique_for_overwrite<Batch>()) {
  socket_.open(address.protocol());
  if (share) set_reuse_port(socket_.native_handle());
  if (family_ == Family::ipv6) socket_.set_option(asio::ip::v6_only(true));
  if (wildcard_) ask_for_local_address(socket_.native_handle(), family_);
  socket_.non_blocking(true);
  socket_.bind(address);
}

UdpListener::~UdpListener() {
  loop_.unschedule(*this);
}

void UdpListener::stop() {
  error_code ignored;
  socket_.close(ignored);
}

void UdpListener::wait() {
  waiting_ = true;
  socket_.async_wait(Socket::wait_read, [this](const error_code& error) { readable(error); });
}

void UdpListener::readable(const error_code& error) {
  waiting_ = false;
  if (!socket_.is_open()) return;
  loop_.clock().refresh();
  for (unsigned i = 0; !error && i < batches_per_turn; ++i) {
    const auto received = receive();
    for (std::size_t index = 0; index < received; ++index) handle(index);
    if (received < batch_size) break;
  }
  wait();
}

/// How many datagrams stand in batch_ now.
std::size_t UdpListener::receive() {
  auto& batch = *batch_;
  for (std::size_t i = 0; i < batch_size; ++i) {
    batch.vectors[i] = {.iov_base = batch.data[i].data(), .iov_len = datagram_size};
    auto& header = batch.headers[i].msg_hdr;
    header = {};
    header.msg_name = &batch.paths[i].peer;
    header.msg_namelen = sizeof batch.paths[i].peer;
    header.msg_iov = &batch.vectors[i];
    header.msg_iovlen = 1;
    if (wildcard_) {
      header.msg_control = batch.controls[i].data();
      header.msg_controllen = control_size;
    }
  }
  // An error is one of an earlier answer (ICMP) or of the moment; there is nobody to tell.
  const auto received = ::recvmmsg(socket_.native_handle(), batch.headers.data(), batch_size, MSG_DONTWAIT, nullptr);
  return received < 0 ? 0 : static_cast<std::size_t>(received);
}

void UdpListener::handle(std::size_t index) {
  auto& header = batch_->headers[index];
  auto& path = batch_->paths[index];
  path.peer_size = header.msg_hdr.msg_namelen;
  if (wildcard_) read_local_address(header.msg_hdr, path);
  const Sender sender{
      .transport = Transport::udp, .family = family_, .address = client_address(path.peer), .path = &path};
  handler_.handle(dns::Bytes(batch_->data[index]).first(header.msg_len), sender, *this);
}

dns::Buffer* UdpListener::begin_answer(Query& query) {
  if (!socket_.is_open()) return nullptr;
  outgoing_.push_back({.path = query.path});
  return &out_;
}

void UdpListener::end_answer(Query& /*query*/, std::size_t /*message_start*/) {
  outgoing_.back().end = out_.size();
  loop_.schedule(*this);
}

void UdpListener::flush() {
  std::array<mmsghdr, batch_size> headers;
  std::array<iovec, batch_size> vectors;
  std::array<std::array<std::uint8_t, control_size>, batch_size> controls;
  std::size_t start = 0;
  for (std::size_t done = 0; done < outgoing_.size();) {
    const auto count = std::min(batch_size, outgoing_.size() - done);
    for (std::size_t i = 0; i < count; ++i) {
      auto& answer = outgoing_[done + i];
      vectors[i] = {.iov_base = out_.data() + start, .iov_len = answer.end - start};
      start = answer.end;
      auto& header = headers[i].msg_hdr;
      header = {};
      header.msg_name = &answer.path.peer;
      header.msg_namelen = answer.path.peer_size;
      header.msg_iov = &vectors[i];
      header.msg_iovlen = 1;
      if (wildcard_) write_local_address(header, controls[i], answer.path, family_);
    }
    for (std::size_t sent = 0; sent < count;) {
      const auto result =
          ::sendmmsg(socket_.native_handle(), headers.data() + sent, static_cast<unsigned>(count - sent), MSG_DONTWAIT);
      if (result > 0) {
        sent += static_cast<std::size_t>(result);
      } else {
        // This one cannot leave (its client's port is closed, or our buffer is full): the others may.
        handler_.metrics().responses_undelivered.add();
        ++sent;
      }
    }
    done += count;
  }
  out_.clear();
  outgoing_.clear();
}

}  // namespace pillion::server
