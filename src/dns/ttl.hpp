#pragma once
// Times to live of a message's records (RFC 1035 3.2.1, RFC 2181 section 8).

#include <cstdint>
#include <optional>

#include "dns/message.hpp"

namespace pillion::dns {

/// A TTL as RFC 2181 section 8 reads it: values with the top bit set are zero.
[[nodiscard]] constexpr std::uint32_t effective_ttl(std::uint32_t wire) {
  return (wire & 0x80000000U) != 0 ? 0 : wire;
}

/// Calls `visit(std::size_t offset, std::uint32_t ttl)` for the TTL of each record but OPT.
template <typename Visit>
void for_each_ttl(const MessageView& view, Visit visit) {
  for_each_record(view, [&](const Record& record) {
    if (record.type != type::opt) visit(record.ttl_offset, effective_ttl(record.ttl));
  });
}

/// The smallest TTL of all records but OPT, in seconds; nullopt where there are none.
[[nodiscard]] std::optional<std::uint32_t> smallest_ttl(const MessageView& view);

/// Lowers each TTL but OPT's by `age` seconds, at the least to zero. `bytes` holds the message that was parsed into
/// `view`.
void age_ttls(const MessageView& view, MutableBytes bytes, std::uint32_t age);

}  // namespace pillion::dns
