#pragma once
// An answered query as the query log keeps it between the thread that answered and the one that writes. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dns/wire.hpp"
#include "server/observer.hpp"

namespace pillion::telemetry {

/// Bytes of an Extended DNS Error's text that are kept; what lies beyond is cut.
inline constexpr std::size_t max_error_text = 256;

/// Views what it was read from.
struct QueryRecord {
  server::QueryOrigin origin;
  runtime::Time answered;
  runtime::Duration duration{};  ///< from receipt to answer
  std::uint16_t id = 0;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::uint16_t rcode = 0;
  resolve::Source source = resolve::Source::local;
  dns::Bytes name;            ///< wire form, letters as they were asked
  std::string_view upstream;  ///< empty: none was asked
  std::string_view server;
  std::optional<std::uint16_t> info_code;
  std::string_view text;
};

/// What is told of the query; the Extended DNS Error is our own, or else the upstream's first.
[[nodiscard]] QueryRecord record_of(const server::AnsweredQuery& query);

/// Bytes that it takes.
[[nodiscard]] std::size_t packed_size(const QueryRecord& record);
/// Writes it to `out`, which has that size.
void pack(const QueryRecord& record, std::span<std::uint8_t> out);
/// Reads what pack() wrote.
[[nodiscard]] QueryRecord unpack(std::span<const std::uint8_t> bytes);

}  // namespace pillion::telemetry
