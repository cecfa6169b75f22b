#pragma once
// A connected UDP socket without a kernel: keeps the sent datagrams, and acts as the server.

#include <optional>
#include <utility>
#include <vector>

#include "upstream/datagrams.hpp"

namespace pillion::upstream::testing {

class FakeDatagrams final : public Datagrams {
 public:
  explicit FakeDatagrams(DatagramEvents& events) : events_(events) {}

  void open() override { is_opening = true; }
  [[nodiscard]] dns::Buffer& out() override {
    was_misused |= is_closed;
    return out_;
  }
  void end_message() override {
    was_misused |= is_closed || out_.empty();
    sent_.push_back(std::exchange(out_, {}));
  }
  void close() override { is_closed = true; }

  /// Datagrams that were sent since the last call.
  std::vector<dns::Buffer> take_sent() { return std::exchange(sent_, {}); }

  // Actions of the server and the kernel. They have no effect on a connection that has closed the socket.
  void become_open() {
    if (!is_closed) events_.opened();
  }
  void send(dns::Bytes datagram, bool is_cut = false) {
    if (!is_closed) events_.arrived(datagram, is_cut);
  }
  void refuse(std::uint16_t id) {
    if (!is_closed) events_.too_large(id);
  }
  void fail(Error error) {
    if (!is_closed) events_.failed(error, "as the test says");
  }
  /// After close().
  void release() { events_.released(); }

  bool is_opening = false;
  bool is_closed = false;
  /// True if it was written to after its end.
  bool was_misused = false;

 private:
  DatagramEvents& events_;
  dns::Buffer out_;
  std::vector<dns::Buffer> sent_;
};

}  // namespace pillion::upstream::testing
