#pragma once
// The TTLs of the records of a message (RFC 1035 section 3.2.1, RFC 2181 section 8).

#include <cstdint>
#include <optional>

#include "dns/message.hpp"

namespace pillion::dns {

/// A TTL in seconds as RFC 2181 section 8 says: 0 for a value with the top bit set.
[[nodiscard]] constexpr std::uint32_t effective_ttl(std::uint32_t wire) {
  return (wire & 0x80000000U) != 0 ? 0 : wire;
}

/// Calls `visit(std::size_t offset, std::uint32_t ttl)` for each record but OPT. `offset` is where its TTL stands.
template <typename Visit>
void for_each_ttl(const MessageView& view, Visit visit) {
  for_each_record(view, [&](const Record& record) {
    if (record.type != type::opt) visit(record.ttl_offset, effective_ttl(record.ttl));
  });
}

/// The smallest TTL of all records but OPT, in seconds; nullopt if there is no such record.
[[nodiscard]] std::optional<std::uint32_t> smallest_ttl(const MessageView& view);

/// Lowers the TTL of each record but OPT by `age` seconds, but not below 0. `bytes` is the message that `view` was
/// parsed from.
void age_ttls(const MessageView& view, MutableBytes bytes, std::uint32_t age);

}  // namespace pillion::dns
