#pragma once
// An answered query as the shard's thread hands it to the thread of the query log. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dns/wire.hpp"
#include "server/observer.hpp"

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

/// The number of bytes that pack() writes.
[[nodiscard]] std::size_t packed_size(const QueryRecord& record);
/// `out` has packed_size() bytes.
void pack(const QueryRecord& record, std::span<std::uint8_t> out);
/// Reads what pack() wrote.
[[nodiscard]] QueryRecord unpack(std::span<const std::uint8_t> bytes);

}  // namespace pillion::telemetry
