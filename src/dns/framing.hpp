#pragma once
// DNS over TCP and TLS: each message is preceded by its length in two bytes (RFC 1035 4.2.2, RFC 7766 section 8).

#include <cstdint>
#include <optional>

#include "dns/wire.hpp"

namespace pillion::dns {

inline constexpr std::size_t frame_prefix = 2;

/// Cuts whole messages off the front of a run of bytes.
///     Frames frames(received);
///     while (auto message = frames.next()) …
///     keep(frames.rest());
class Frames {
 public:
  explicit Frames(Bytes bytes) : rest_(bytes) {}
  /// The next whole message without its prefix; nullopt when the rest is not whole. May be empty (a length of zero).
  [[nodiscard]] std::optional<Bytes> next();
  /// What follows the last whole message: less than one frame.
  [[nodiscard]] Bytes rest() const { return rest_; }
  /// How many bytes the frame at the front needs in all, prefix included; 2 while even the prefix is not whole.
  [[nodiscard]] std::size_t needed() const;

 private:
  Bytes rest_;
};

/// Begins a frame at the end of `out`: two bytes that `end_frame` fills in. Returns where the message starts.
[[nodiscard]] std::size_t begin_frame(Buffer& out);
/// Closes the frame whose message starts at `message_start`. The message is at most 65,535 bytes.
void end_frame(Buffer& out, std::size_t message_start);

}  // namespace pillion::dns
