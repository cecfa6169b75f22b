#pragma once
// Sends a turn's answers to UDP clients with as few passes through the kernel's stack as possible.

#include <sys/socket.h>
#include <sys/uio.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dns/wire.hpp"
#include "server/client.hpp"

namespace pillion::server {

/// Answers leave by sendmmsg(2). Answers of the same length to the same client leave as one message, which the kernel
/// cuts into datagrams again (udp(7) UDP_SEGMENT). So a client that asks many queries at once is answered at the cost
/// of a few.
class DatagramAnswers {
 public:
  /// `with_local` is for a socket that is bound to a wildcard: each answer is then sent from its path's local address.
  DatagramAnswers(IpFamily family, bool with_local) : family_(family), with_local_(with_local) {}

  /// The buffer to append an answer to, which will be sent along `path`. Call end() or abandon() before the next
  /// begin().
  [[nodiscard]] dns::Buffer& begin(const DatagramPath& path);
  /// Completes the answer, whose length must be 1 to 65,535 bytes.
  void end();
  /// Removes the answer that was begun and not ended, if there is one.
  void abandon();
  /// Bytes of the answers that were not sent yet.
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  /// Sends all answers and forgets them. Returns the number that could not be sent, because the socket's buffer is
  /// full or there is no route to the client.
  [[nodiscard]] std::size_t send(int socket);

 private:
  struct QueuedAnswer {
    std::size_t start = 0;  // in bytes_
    std::size_t end = 0;
    DatagramPath path;
    [[nodiscard]] std::size_t size() const { return end - start; }
  };
  struct Place {
    std::uint64_t key = 0;  // equal for answers that may be joined; nearly always different for others
    std::uint32_t index = 0;
    auto operator<=>(const Place&) const = default;
  };

  struct Batch;  // messages of one sendmmsg(2)

  void sort();
  [[nodiscard]] std::size_t fill(Batch& batch, std::size_t first);
  [[nodiscard]] std::size_t send_batch(int socket, Batch& batch);
  [[nodiscard]] std::size_t joined_from(std::size_t first) const;
  [[nodiscard]] iovec part_of(const QueuedAnswer& answer);
  [[nodiscard]] msghdr message_to(QueuedAnswer& answer, std::span<iovec> parts, std::span<std::uint8_t> control) const;
  [[nodiscard]] std::size_t send_alone(int socket, std::size_t place, std::size_t count);

  IpFamily family_;
  bool with_local_;
  std::optional<bool> joins_;  ///< True if the kernel supports UDP_SEGMENT; nullopt until the first send()
  dns::Buffer bytes_;
  std::vector<QueuedAnswer> answers_;
  std::vector<Place> order_;
};

}  // namespace pillion::server
