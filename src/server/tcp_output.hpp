#pragma once
// What one TCP client has not received yet: answers that wait to be written, and those that the kernel holds since the
// client does not read or does not acknowledge.

#include <cstddef>
#include <cstdint>

#include "dns/framing.hpp"
#include "runtime/socket_buffers.hpp"

namespace pillion::server {

class TcpOutput {
 public:
  /// Bytes of answers that the kernel may hold for a client that does not read, before they count
  /// (TCP_NOTSENT_LOWAT).
  static constexpr int max_unsent = 4096;

  enum class Outcome : std::uint8_t {
    sent,     ///< nothing waits, and the kernel holds little that it has not sent
    waiting,  ///< the client must read first; the socket becomes writable when it has
    failed,   ///< the connection is unusable
  };

  /// The buffer, with a frame begun at its end (dns::begin_frame()). An empty buffer gets room for as much as the last
  /// output took, but at most `max_reserve` bytes.
  [[nodiscard]] dns::Buffer& begin_answer(std::size_t max_reserve);
  /// Ends the frame of the answer that starts at `message_start`.
  void end_answer(std::size_t message_start) { dns::end_frame(buffer_, message_start); }

  /// Writes what the kernel takes, and asks the kernel what it holds if that may be much. `socket` is a TCP socket with
  /// TCP_NOTSENT_LOWAT at `max_unsent`, here and below.
  [[nodiscard]] Outcome write(int socket);
  /// True if the client has taken some of what the kernel holds since this was last asked, or since write() returned
  /// `waiting`. The socket becomes writable only once the client has taken most of it.
  [[nodiscard]] bool has_taken_some(int socket);
  /// The socket has become writable: the client has taken most of what the kernel held.
  void note_writable() { in_kernel_ = 0; }
  /// True if much was written since the kernel was asked what the client has acknowledged.
  [[nodiscard]] bool may_be_unacknowledged() const { return unacknowledged_ > max_unsent; }
  /// Asks the kernel. What the client has not acknowledged counts from now on, if it is much: the client or the network
  /// may be gone. True if the client has acknowledged some since this was last asked.
  [[nodiscard]] bool count_unacknowledged(int socket);
  /// True if the client has not acknowledged much of what was written. Asks the kernel only if there may be as much.
  [[nodiscard]] bool is_unacknowledged(int socket) const {
    return may_be_unacknowledged() && runtime::unacknowledged(socket) > max_unsent;
  }
  /// Gives up all of it.
  void discard() { *this = {}; }

  [[nodiscard]] bool empty() const { return buffer_.empty(); }
  /// Bytes that wait to be written, those of an answer that is being composed included.
  [[nodiscard]] std::size_t size() const { return buffer_.size(); }
  /// Bytes of the kernel's memory for what the client does not take, as far as the kernel was asked.
  [[nodiscard]] std::size_t held_by_kernel() const { return in_kernel_; }
  /// Bytes that left the last time when all was written.
  [[nodiscard]] std::size_t last_size() const { return last_size_; }
  /// The number of answers whose end was not written.
  [[nodiscard]] std::size_t unwritten_answers() const;

 private:
  void remove_written(std::size_t bytes);
  [[nodiscard]] bool is_sent(int socket);

  dns::Buffer buffer_;
  std::uint32_t last_size_ = 0;       // bytes
  std::uint32_t cut_ = 0;             // bytes at the start of buffer_ that end an answer whose start was written
  std::uint32_t unchecked_ = 0;       // bytes written since the kernel was asked whether they were sent
  std::uint32_t unacknowledged_ = 0;  // bytes not acknowledged when the kernel was asked, and written since
  std::uint32_t in_kernel_ = 0;       // bytes
};

}  // namespace pillion::server
