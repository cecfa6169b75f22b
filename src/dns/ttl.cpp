#include "dns/ttl.hpp"

#include <algorithm>

namespace pillion::dns {

std::optional<std::uint32_t> smallest_ttl(const MessageView& view) {
  std::optional<std::uint32_t> smallest;
  for_each_ttl(view, [&](std::size_t, std::uint32_t ttl) { smallest = std::min(smallest.value_or(ttl), ttl); });
  return smallest;
}

void age_ttls(const MessageView& view, MutableBytes bytes, std::uint32_t age) {
  for_each_ttl(view,
               [&](std::size_t offset, std::uint32_t ttl) { write_u32(bytes, offset, ttl - std::min(ttl, age)); });
}

}  // namespace pillion::dns
