#pragma once
// An answered query as the shard's thread hands it to the thread of the query log. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "dns/wire.hpp"
#include "server/observer.hpp"
#include "telemetry/record_ring.hpp"

namespace pillion::telemetry {

/// Bytes of an Extended DNS Error's text (RFC 8914) that are kept. A longer text is cut.
inline constexpr std::size_t max_error_text = 256;

/// The part of a record with a fixed size.
struct QueryFacts {
  server::QueryOrigin origin;
  runtime::Time answered;
  runtime::Duration duration{};  ///< from receipt to answer
  std::uint16_t id = 0;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::uint16_t rcode = 0;
  std::optional<std::uint16_t> info_code;  ///< of the Extended DNS Error (RFC 8914); nullopt: none
  resolve::Source source = resolve::Source::local;
};

/// Its views refer to the AnsweredQuery or to the bytes that it was made from.
struct QueryRecord : QueryFacts {
  dns::Bytes name;            ///< wire form, in the query's letter case
  std::string_view upstream;  ///< empty: no upstream was asked
  std::string_view server;
  std::string_view text;  ///< EXTRA-TEXT of `info_code`, at most `max_error_text` bytes
};

/// The start of a packed record. The name and the texts follow it.
struct PackedQueryStart {
  QueryFacts facts;
  std::uint16_t text_size = 0;
  std::uint16_t upstream_size = 0;
  std::uint16_t server_size = 0;
  std::uint8_t name_size = 0;

  [[nodiscard]] bool has_texts() const { return (text_size | upstream_size | server_size) != 0; }
};
static_assert(std::is_trivially_destructible_v<PackedQueryStart>);
static_assert(alignof(PackedQueryStart) <= RecordRing::alignment);
static_assert(dns::max_name_size <= 0xff);

/// No packed record is smaller.
inline constexpr std::size_t least_packed_size = sizeof(PackedQueryStart);
static_assert(least_packed_size % RecordRing::alignment == 0);

/// The number of bytes that pack() writes for a query without texts.
[[nodiscard]] inline std::size_t packed_size(dns::Bytes name) {
  return sizeof(PackedQueryStart) + name.size();
}

/// Packs a record without texts. `out` has packed_size() bytes and is aligned as a RecordRing aligns records. What
/// `make_facts()` returns is built in its place, since a copy would wait until the stores of its parts are done.
template <typename MakeFacts>
void pack(MakeFacts make_facts, dns::Bytes name, std::span<std::uint8_t> out) {
  ::new (out.data()) PackedQueryStart{.facts = make_facts(), .name_size = static_cast<std::uint8_t>(name.size())};
  std::memcpy(out.data() + sizeof(PackedQueryStart), name.data(), name.size());
}

/// The number of bytes that pack() writes.
[[nodiscard]] inline std::size_t packed_size(const QueryRecord& record) {
  return sizeof(PackedQueryStart) + record.name.size() + record.upstream.size() + record.server.size() +
         record.text.size();
}

/// `out` has packed_size() bytes and is aligned as a RecordRing aligns records.
inline void pack(const QueryRecord& record, std::span<std::uint8_t> out) {
  ::new (out.data()) PackedQueryStart{.facts = static_cast<const QueryFacts&>(record),
                                      .text_size = static_cast<std::uint16_t>(record.text.size()),
                                      .upstream_size = static_cast<std::uint16_t>(record.upstream.size()),
                                      .server_size = static_cast<std::uint16_t>(record.server.size()),
                                      .name_size = static_cast<std::uint8_t>(record.name.size())};
  auto* at = out.data() + sizeof(PackedQueryStart);
  const auto append = [&](const void* data, std::size_t size) {
    if (size > 0) std::memcpy(at, data, size);
    at += size;
  };
  append(record.name.data(), record.name.size());
  append(record.upstream.data(), record.upstream.size());
  append(record.server.data(), record.server.size());
  append(record.text.data(), record.text.size());
}

/// The start of what pack() wrote.
[[nodiscard]] inline const PackedQueryStart& packed_start(std::span<const std::uint8_t> bytes) {
  return *std::launder(reinterpret_cast<const PackedQueryStart*>(bytes.data()));
}

/// The name in what pack() wrote.
[[nodiscard]] inline dns::Bytes packed_name(std::span<const std::uint8_t> bytes) {
  return {bytes.data() + sizeof(PackedQueryStart), packed_start(bytes).name_size};
}

/// Reads what pack() wrote.
[[nodiscard]] inline QueryRecord unpack(std::span<const std::uint8_t> bytes) {
  const auto& start = packed_start(bytes);
  const auto* at = bytes.data() + sizeof start;
  const auto take = [&](std::size_t size) { return dns::Bytes(std::exchange(at, at + size), size); };
  const auto take_text = [&](std::size_t size) {
    const auto taken = take(size);
    return std::string_view(reinterpret_cast<const char*>(taken.data()), taken.size());
  };
  const auto name = take(start.name_size);
  const auto upstream = take_text(start.upstream_size);
  const auto server = take_text(start.server_size);
  return {start.facts, name, upstream, server, take_text(start.text_size)};
}

}  // namespace pillion::telemetry
