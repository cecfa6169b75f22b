#pragma once
// The client side of the benchmark's floors: TCP clients of one epoll loop, their whole messages, and their answers,
// which are gathered until the end of the loop's turn. It has neither limits nor timeouts.

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "dns/wire.hpp"
#include "support/sockets.hpp"

namespace pillion::test {

/// A buffer that is filled at the end and consumed at the front without moving bytes at each step.
class Stream {
 public:
  [[nodiscard]] dns::Bytes bytes() const { return dns::Bytes(buffer_).subspan(start_); }
  [[nodiscard]] bool empty() const { return start_ == buffer_.size(); }
  void append(dns::Bytes bytes) { dns::append(buffer_, bytes); }
  void append_u16(std::uint16_t value) { dns::append_u16(buffer_, value); }
  void consume(std::size_t size);

  /// Calls `visit` with each whole message at the front (RFC 1035 4.2.2) that has a header, then consumes them.
  template <typename Visit>
  void take_messages(Visit visit) {
    const auto all = bytes();
    std::size_t offset = 0;
    while (all.size() - offset >= 2) {
      const std::size_t size = dns::read_u16(all, offset);
      if (all.size() - offset - 2 < size) break;
      if (size >= dns::header_size) visit(all.subspan(offset + 2, size));
      offset += 2 + size;
    }
    consume(offset);
  }

 private:
  dns::Buffer buffer_;
  std::size_t start_ = 0;
};

/// Adds a descriptor to an epoll set or changes its events (EPOLL_CTL_ADD, EPOLL_CTL_MOD). Throws std::system_error.
void watch(int epoll, int operation, int descriptor, std::uint32_t events);

/// The listener and its clients' connections.
class Clients {
 public:
  /// Listens, in an epoll set that outlives this. Throws std::system_error.
  Clients(const SocketAddress& listen, int epoll);

  [[nodiscard]] int listener() const { return listener_.get(); }
  void accept_all();
  /// Reads once and calls `visit` with each whole message. Removes a client that has closed.
  template <typename Visit>
  void read(int descriptor, Visit visit) {
    if (auto* in = receive(descriptor)) in->take_messages(visit);
  }
  /// The buffer for the client's next answer, which flush() sends; nullptr if the client is gone.
  [[nodiscard]] Stream* answers_to(int descriptor);
  /// The client's socket takes more data.
  void writable(int descriptor) { answered_.push_back(descriptor); }
  /// Sends the answers, at the end of a turn.
  void flush();

 private:
  struct Client {
    FileDescriptor socket;
    Stream in = {};
    Stream out = {};
    bool waits = false;  ///< waits until the socket takes more data
  };

  /// The data that has arrived and was not consumed; nullptr if there is none.
  Stream* receive(int descriptor);
  void flush(int descriptor);

  int epoll_;
  FileDescriptor listener_;
  std::map<int, Client> clients_;
  std::vector<int> answered_;  ///< clients with something to send at the end of the turn
  std::vector<std::uint8_t> read_buffer_;
};

}  // namespace pillion::test
