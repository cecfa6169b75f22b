#include "dns/framing.hpp"

namespace pillion::dns {

std::optional<Bytes> Frames::next() {
  const auto size = needed();
  if (rest_.size() < size || rest_.size() < frame_prefix) return std::nullopt;
  const auto message = rest_.subspan(frame_prefix, size - frame_prefix);
  rest_ = rest_.subspan(size);
  return message;
}

std::size_t Frames::needed() const {
  return rest_.size() < frame_prefix ? frame_prefix : frame_prefix + read_u16(rest_, 0);
}

std::size_t begin_frame(Buffer& out) {
  append_u16(out, 0);
  return out.size();
}

void end_frame(Buffer& out, std::size_t message_start) {
  write_u16(out, message_start - frame_prefix, static_cast<std::uint16_t>(out.size() - message_start));
}

}  // namespace pillion::dns
