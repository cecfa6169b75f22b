#include "server/udp_listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstring>

#include "dns/wire.hpp"
#include "server/address.hpp"
#include "server/packet_info.hpp"

namespace pillion::server {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t batch_size = 32;  // datagrams for one system call
// Bytes, more than a query needs; a longer datagram arrives cut, and is malformed.
constexpr std::size_t datagram_size = 4096;
// Bytes of answers that are sent before the end of the turn.
constexpr std::size_t sent_at_once = std::size_t{64} << 10U;
constexpr unsigned batches_per_turn = 4;  // then other sockets have their turn
constexpr std::size_t received_control_size = packet_info_size + dropped_datagrams_size;

ClientAddress client_address(const sockaddr_in6& peer) {
  ClientAddress address{};
  if (peer.sin6_family == AF_INET) {
    address[10] = address[11] = 0xff;
    std::memcpy(address.data() + 12, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, 4);
  } else {
    std::memcpy(address.data(), &peer.sin6_addr, 16);
  }
  return address;
}

}  // namespace

/// Buffers for one recvmmsg.
struct UdpListener::Batch {
  std::array<mmsghdr, batch_size> headers{};
  std::array<iovec, batch_size> vectors{};
  std::array<DatagramPath, batch_size> paths{};
  alignas(cmsghdr) std::array<std::array<std::uint8_t, received_control_size>, batch_size> controls{};
  std::array<std::array<std::uint8_t, datagram_size>, batch_size> data;
};

UdpListener::UdpListener(runtime::Loop& loop, BoundAddress& bound, QueryHandler& handler)
    : loop_(loop),
      socket_(loop.io()),
      handler_(handler),
      family_(bound.address.is_v4() ? IpFamily::ipv4 : IpFamily::ipv6),
      wildcard_(bound.address.is_unspecified()),
      batch_(std::make_unique_for_overwrite<Batch>()),
      answers_(family_, wildcard_),
      dropped_(bound.udp.get()) {
  socket_.assign(bound.address.is_v4() ? asio::ip::udp::v4() : asio::ip::udp::v6(), bound.udp.get());
  static_cast<void>(bound.udp.release());
}

UdpListener::~UdpListener() {
  loop_.unschedule(*this);
}

void UdpListener::finish() {
  if (!socket_.is_open()) return;
  // A connected socket receives only from its peer (udp(7)), and no process sends from our own address. Closing the
  // socket would discard what has arrived, and leave the answers no way out.
  error_code error;
  auto own = socket_.local_endpoint(error);
  if (wildcard_)
    own.address(family_ == IpFamily::ipv4 ? asio::ip::address(asio::ip::address_v4::loopback())
                                          : asio::ip::address(asio::ip::address_v6::loopback()));
  if (!error) socket_.connect(own, error);
  while (handle_batch() == batch_size && !error) continue;
  flush();
}

void UdpListener::stop() {
  error_code ignored;
  socket_.close(ignored);
}

void UdpListener::wait() {
  socket_.async_wait(Socket::wait_read, [this](const error_code& error) { readable(error); });
  waiting_ = true;
}

void UdpListener::readable(const error_code& error) {
  waiting_ = false;
  if (!socket_.is_open()) return;
  loop_.clock().refresh();
  for (unsigned i = 0; !error && i < batches_per_turn; ++i) {
    if (handle_batch() < batch_size) break;
  }
  // If there is no memory for the wait, the end of the turn tries again.
  loop_.contain("UDP listener", [this] { wait(); }, [this] { loop_.schedule(*this); });
}

/// The number of datagrams in batch_ now.
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
    header.msg_control = batch.controls[i].data();
    header.msg_controllen = received_control_size;
  }
  // Errors are transient, and nobody needs to be told.
  const auto received = ::recvmmsg(socket_.native_handle(), batch.headers.data(), batch_size, MSG_DONTWAIT, nullptr);
  return received < 0 ? 0 : static_cast<std::size_t>(received);
}

/// The number of datagrams that were handled; less than batch_size if there were no more.
std::size_t UdpListener::handle_batch() {
  const auto received = receive();
  // The kernel's count in the last datagram has the drops before all others.
  if (received > 0) handler_.metrics().datagrams_dropped.add(dropped_.before(batch_->headers[received - 1].msg_hdr));
  for (std::size_t index = 0; index < received; ++index) handle(index);
  return received;
}

void UdpListener::handle(std::size_t index) {
  auto& header = batch_->headers[index];
  auto& path = batch_->paths[index];
  path.peer_size = header.msg_hdr.msg_namelen;
  if (wildcard_) read_packet_info(header.msg_hdr, path);
  // The port stands at the same place in addresses of both families.
  const Sender sender{.transport = Transport::udp,
                      .family = family_,
                      .address = client_address(path.peer),
                      .port = ntohs(path.peer.sin6_port),
                      .path = &path};
  if (!handler_.admission().admit_datagram(sender.address)) return;
  ++in_flight_;
  // What the kernel has cut is not complete, even if its first bytes look so. The header alone is malformed too.
  const bool is_cut = (header.msg_hdr.msg_flags & MSG_TRUNC) != 0;
  const auto message = dns::Bytes(batch_->data[index]).first(is_cut ? dns::header_size : header.msg_len);
  if (handler_.handle(message, sender, *this) != QueryHandler::Outcome::accepted) --in_flight_;
}

dns::Buffer* UdpListener::begin_answer(ClientQuery& query) {
  return socket_.is_open() ? &answers_.begin(query.path) : nullptr;
}

void UdpListener::end_answer(ClientQuery& /*query*/, std::size_t /*message_start*/) {
  answers_.end();
  // Thousands of queries may have waited for one answer.
  if (answers_.size() >= sent_at_once) return flush();
  loop_.schedule(*this);
}

void UdpListener::flush() {
  if (const auto undelivered = answers_.send(socket_.native_handle()); undelivered > 0)
    handler_.metrics().responses_undelivered.add(undelivered);
  if (!waiting_ && socket_.is_open())
    loop_.contain("UDP listener", [this] { wait(); }, [this] { loop_.schedule(*this); });
}

}  // namespace pillion::server
