#pragma once
// A byte stream without a socket: keeps the written data, and acts as the server.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dns/edns.hpp"
#include "dns/framing.hpp"
#include "upstream/stream.hpp"

namespace pillion::upstream::testing {

/// The reply to a written query: its id and question, without records.
inline dns::Buffer reply_to_written(dns::Bytes query, std::uint16_t rcode = dns::rcode::noerror) {
  auto end = dns::header_size;
  while (query[end] != 0) end += std::size_t{1} + query[end];
  dns::Buffer reply(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(end + 5));
  dns::write_u16(reply, 2, static_cast<std::uint16_t>(dns::flag::qr | dns::flag::rd | dns::flag::ra | rcode));
  for (const std::size_t count : {6U, 8U, 10U}) dns::write_u16(reply, count, 0);
  return reply;
}

class FakeStream final : public Stream {
 public:
  explicit FakeStream(StreamEvents& events) : events_(events) {}

  void open() override { is_opening = true; }
  [[nodiscard]] dns::Buffer& out() override {
    was_misused |= is_over();
    return out_;
  }
  void flush_soon() override { was_misused |= is_over(); }
  void write_singly() override { singly = true; }
  [[nodiscard]] std::optional<Delivery> delivery() override {
    ++times_asked_of_delivery;
    return known_delivery;
  }
  void shut_down() override {
    was_misused |= is_over();
    is_shut = true;
  }
  void close() override { is_closed = true; }

  [[nodiscard]] bool is_over() const { return is_shut || is_closed; }
  /// Messages that were written since the last call.
  std::vector<dns::Buffer> take_messages() {
    std::vector<dns::Buffer> messages;
    const auto written = std::exchange(out_, {});
    dns::Frames frames(written);
    while (const auto message = frames.next()) messages.emplace_back(message->begin(), message->end());
    was_misused |= !frames.rest().empty();
    return messages;
  }

  // Actions of the server and the kernel. They have no effect on a connection that has closed the stream.
  void connect() {
    if (!is_over()) events_.connected();
  }
  void become_open(const Handshake& handshake = {}) {
    if (!is_over()) events_.opened(handshake);
  }
  void send_bytes(dns::Bytes bytes) {
    if (is_over()) return;
    dns::append(in_, bytes);
    const auto used = events_.arrived(in_);
    was_misused |= used > in_.size();
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(used));
  }
  void send(dns::Bytes message) { send_bytes(framed(message)); }
  void end(std::optional<Error> error = std::nullopt) {
    if (!is_over()) events_.ended(error, "as the test says");
  }
  /// After close() or shut_down().
  void release() { events_.released(); }

  static dns::Buffer framed(dns::Bytes message) {
    dns::Buffer bytes;
    const auto start = dns::begin_frame(bytes);
    dns::append(bytes, message);
    dns::end_frame(bytes, start);
    return bytes;
  }

  std::optional<Delivery> known_delivery;
  int times_asked_of_delivery = 0;
  bool is_opening = false;
  bool singly = false;
  bool is_shut = false;
  bool is_closed = false;
  /// True if the connection has written after the end or half a message, or has used more data than had arrived.
  bool was_misused = false;

 private:
  StreamEvents& events_;
  dns::Buffer out_;
  dns::Buffer in_;
};

}  // namespace pillion::upstream::testing
