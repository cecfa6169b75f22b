#pragma once
// DNS over TCP and TLS: a length of two bytes precedes each message (RFC 1035 section 4.2.2, RFC 7766 section 8).

#include <cstdint>
#include <optional>

#include "dns/wire.hpp"

namespace pillion::dns {

inline constexpr std::size_t frame_prefix = 2;

/// Takes whole messages from the front of bytes that were read from a stream.
///     Frames frames(received);
///     while (auto message = frames.next()) …
///     keep(frames.rest());
class Frames {
 public:
  explicit Frames(Bytes bytes) : rest_(bytes) {}
  /// The next message without its prefix; nullopt if it is not there as a whole. A message may be empty.
  [[nodiscard]] std::optional<Bytes> next();
  /// The bytes after the last message that next() returned.
  [[nodiscard]] Bytes rest() const { return rest_; }
  /// The size in bytes of the frame at the front, prefix included; 2 if even the prefix is not there as a whole.
  [[nodiscard]] std::size_t needed() const;

 private:
  Bytes rest_;
};

/// Begins a frame at the end of `out` by two bytes, which end_frame() fills in. Returns the offset at which the message
/// is to start.
[[nodiscard]] std::size_t begin_frame(Buffer& out);
/// Ends the frame of the message from `message_start` to the end of `out`, which has at most 65,535 bytes.
void end_frame(Buffer& out, std::size_t message_start);

}  // namespace pillion::dns
