#include "telemetry/query_record.hpp"

#include <cstring>
#include <type_traits>
#include <utility>

namespace pillion::telemetry {
namespace {

/// The start of a packed record. The texts follow it.
struct PackedStart {
  QueryFacts facts;
  std::uint16_t text_size = 0;
  std::uint16_t upstream_size = 0;
  std::uint16_t server_size = 0;
  std::uint8_t name_size = 0;
};
static_assert(std::is_trivially_copyable_v<PackedStart>);

/// `name_size` has one byte.
static_assert(dns::max_name_size <= 0xff);

void append(std::uint8_t*& out, const void* data, std::size_t size) {
  if (size > 0) std::memcpy(out, data, size);
  out += size;
}

}  // namespace

std::size_t packed_size(const QueryRecord& record) {
  return sizeof(PackedStart) + record.name.size() + record.upstream.size() + record.server.size() + record.text.size();
}

void pack(const QueryRecord& record, std::span<std::uint8_t> out) {
  const PackedStart start{.facts = record,
                          .text_size = static_cast<std::uint16_t>(record.text.size()),
                          .upstream_size = static_cast<std::uint16_t>(record.upstream.size()),
                          .server_size = static_cast<std::uint16_t>(record.server.size()),
                          .name_size = static_cast<std::uint8_t>(record.name.size())};
  auto* at = out.data();
  append(at, &start, sizeof start);
  append(at, record.name.data(), record.name.size());
  append(at, record.upstream.data(), record.upstream.size());
  append(at, record.server.data(), record.server.size());
  append(at, record.text.data(), record.text.size());
}

QueryRecord unpack(std::span<const std::uint8_t> bytes) {
  PackedStart start;
  std::memcpy(&start, bytes.data(), sizeof start);
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
