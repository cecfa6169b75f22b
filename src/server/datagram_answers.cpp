#include "server/datagram_answers.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "server/packet_info.hpp"

namespace pillion::server {
namespace {

constexpr std::size_t messages_per_call = 32;
constexpr std::size_t parts_per_call = 256;
constexpr std::size_t max_joined = 60;  // the kernel's UDP_MAX_SEGMENTS is 64, and some kernels subtract headers
constexpr std::size_t kept_bytes = std::size_t{128} << 10U;  // a larger buffer is freed
constexpr std::size_t max_joined_bytes = 65'000;  // bytes; less than the length field of a UDP header can express
constexpr std::size_t control_size = packet_info_size + CMSG_SPACE(sizeof(std::uint16_t));

/// A key that is equal for paths to the same client. IPv6 addresses are folded, so that it may be equal for different
/// clients too.
std::uint64_t key_of(const DatagramPath& path, std::size_t size) {
  std::uint64_t address = 0;
  if (path.peer.sin6_family == AF_INET) {
    address = reinterpret_cast<const sockaddr_in&>(path.peer).sin_addr.s_addr;
  } else {
    for (const auto word : path.peer.sin6_addr.s6_addr32) address ^= word;
  }
  // sin_port has the same offset as sin6_port.
  return address << 32U | std::uint64_t{path.peer.sin6_port} << 16U | size;
}

bool same(const DatagramPath& one, const DatagramPath& other) {
  return one.peer_size == other.peer_size && std::memcmp(&one.peer, &other.peer, one.peer_size) == 0 &&
         std::memcmp(&one.local, &other.local, sizeof one.local) == 0 && one.interface == other.interface;
}

struct Control {
  alignas(cmsghdr) std::array<std::uint8_t, control_size> bytes;
};

/// True if the kernel supports UDP_SEGMENT. Before Linux 4.18 it would ignore the option and send one long datagram.
bool cuts_messages(int socket) {
  const int none = 0;
  return ::setsockopt(socket, IPPROTO_UDP, UDP_SEGMENT, &none, sizeof none) == 0;
}

}  // namespace

iovec DatagramAnswers::part_of(const QueuedAnswer& answer) {
  return {.iov_base = bytes_.data() + answer.start, .iov_len = answer.size()};
}

dns::Buffer& DatagramAnswers::begin(const DatagramPath& path) {
  answers_.push_back({.start = bytes_.size(), .end = bytes_.size(), .path = path});
  return bytes_;
}

void DatagramAnswers::end() {
  answers_.back().end = bytes_.size();
}

void DatagramAnswers::abandon() {
  if (answers_.empty() || answers_.back().size() > 0) return;
  bytes_.resize(answers_.back().start);
  answers_.pop_back();
}

/// Brings answers that may be joined together. For each client, the order otherwise stays.
void DatagramAnswers::sort() {
  order_.clear();
  for (std::uint32_t i = 0; i < answers_.size(); ++i) {
    order_.push_back({.key = *joins_ ? key_of(answers_[i].path, answers_[i].size()) : 0, .index = i});
  }
  if (*joins_) std::ranges::sort(order_);
}

/// The number of answers, from index `first` of the order on, that leave as one message.
std::size_t DatagramAnswers::joined_from(std::size_t first) const {
  const auto& head = answers_[order_[first].index];
  const auto most = std::min(
      {max_joined, max_joined_bytes / std::max<std::size_t>(head.size(), 1), *joins_ ? order_.size() - first : 1});
  std::size_t count = 1;
  while (count < most && order_[first + count].key == order_[first].key &&
         same(answers_[order_[first + count].index].path, head.path)) {
    ++count;
  }
  return count;
}

/// A message of these parts to the client of `answer`.
msghdr DatagramAnswers::message_to(QueuedAnswer& answer, std::span<iovec> parts,
                                   std::span<std::uint8_t> control) const {
  msghdr message{};
  message.msg_name = &answer.path.peer;
  message.msg_namelen = answer.path.peer_size;
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  if (with_local_) append_packet_info(message, answer.path, family_);
  if (parts.size() > 1) {
    const auto size = static_cast<std::uint16_t>(answer.size());
    append_control(message, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size);
  }
  return message;
}

struct DatagramAnswers::Batch {
  std::array<mmsghdr, messages_per_call> messages;
  std::array<Control, messages_per_call> controls;
  std::array<iovec, parts_per_call> parts;
  std::size_t first = 0;  ///< the place of its first answer in the order
  std::size_t size = 0;   ///< messages

  [[nodiscard]] std::size_t answers_of(std::size_t message) const { return messages[message].msg_hdr.msg_iovlen; }
};

std::size_t DatagramAnswers::send(int socket) {
  if (!joins_) joins_ = cuts_messages(socket);
  sort();
  Batch batch;
  std::size_t undelivered = 0;
  for (std::size_t next = 0; next < order_.size();) {
    next = fill(batch, next);
    undelivered += send_batch(socket, batch);
  }
  bytes_.clear();
  answers_.clear();
  if (bytes_.capacity() > kept_bytes) dns::Buffer().swap(bytes_);
  return undelivered;
}

/// Fills `batch` with messages of the answers from the place `first` in the order on, as many as one call takes.
/// Returns the place after them.
std::size_t DatagramAnswers::fill(Batch& batch, std::size_t first) {
  batch.first = first;
  batch.size = 0;
  std::size_t parts_used = 0;
  auto next = first;
  while (batch.size < messages_per_call && next < order_.size()) {
    const auto joined = joined_from(next);
    if (parts_used + joined > parts_per_call) break;
    const auto parts = std::span(batch.parts).subspan(parts_used, joined);
    auto& head = answers_[order_[next].index];
    for (auto& part : parts) part = part_of(answers_[order_[next++].index]);
    batch.messages[batch.size].msg_hdr = message_to(head, parts, batch.controls[batch.size].bytes);
    parts_used += joined;
    ++batch.size;
  }
  return next;
}

/// Returns how many answers of the batch could not be sent.
std::size_t DatagramAnswers::send_batch(int socket, Batch& batch) {
  auto place = batch.first;
  std::size_t undelivered = 0;
  for (std::size_t sent = 0; sent < batch.size;) {
    const auto left = std::span(batch.messages).subspan(sent, batch.size - sent);
    const auto result = ::sendmmsg(socket, left.data(), static_cast<unsigned>(left.size()), MSG_DONTWAIT);
    // The kernel refuses the first of those that are left: the others may leave.
    if (result <= 0) undelivered += send_alone(socket, place, batch.answers_of(sent));
    const auto done = sent + (result > 0 ? static_cast<std::size_t>(result) : 1);
    for (; sent < done; ++sent) place += batch.answers_of(sent);
  }
  return undelivered;
}

/// Sends the answers of a refused message one by one, since the route to this client may not support segmentation.
/// Returns the number of failures.
std::size_t DatagramAnswers::send_alone(int socket, std::size_t place, std::size_t count) {
  if (count == 1) return 1;
  std::size_t failed = 0;
  for (const auto& [key, index] : std::span(order_).subspan(place, count)) {
    Control control;
    auto part = part_of(answers_[index]);
    const auto message = message_to(answers_[index], {&part, 1}, control.bytes);
    if (::sendmsg(socket, &message, MSG_DONTWAIT) < 0) ++failed;
  }
  return failed;
}

}  // namespace pillion::server
