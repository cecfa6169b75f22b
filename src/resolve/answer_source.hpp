#pragma once
// The origin of an answer.

#include <cstdint>
#include <string_view>

#include "runtime/enum_array.hpp"

namespace pillion::resolve {

/// The origin of an answer: the label `source`.
enum class Source : std::uint8_t {
  cache,
  stale,     // from the cache, after it had expired (RFC 8767)
  upstream,  // from an upstream over TLS
  cluster,   // from an unencrypted upstream
  local,     // made by Pillion
  count_,
};
inline constexpr auto source_labels =
    runtime::enum_array<Source, std::string_view>({"cache", "stale", "upstream", "cluster", "local"});

}  // namespace pillion::resolve
