#pragma once
// Every key of the configuration with its default and its range. The reader enforces this table, and a test holds the
// reference in deploy/CONFIGURATION.md to it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "runtime/enum_array.hpp"

namespace pillion::config {

/// The word of each value of a choice.
template <typename Enum, std::size_t size>
using ChoiceWords = runtime::EnumArray<Enum, std::string_view, size>;
inline constexpr ChoiceWords<Protocol, 3> protocol_words = {"tls", "tcp", "udp"};
inline constexpr ChoiceWords<PolicyKind, 4> policy_words = {"fastest", "sequential", "round_robin", "random"};
inline constexpr ChoiceWords<TlsVersion, 2> tls_version_words = {"1.2", "1.3"};
inline constexpr ChoiceWords<LogThreshold, 4> log_level_words = {"debug", "info", "warn", "error"};
inline constexpr ChoiceWords<LogFormat, 2> log_format_words = {"json", "text"};
inline constexpr ChoiceWords<LogNames, 2> log_names_words = {"short", "ecs"};
inline constexpr ChoiceWords<LoggedNames, 2> logged_names_words = {"plain", "hashed"};
/// Names of the Elastic Common Schema, and of our own namespace where that has none.
inline constexpr auto query_log_field_words = runtime::enum_array<QueryLogField, std::string_view>(
    {"client.ip", "client.port", "network.transport", "network.type", "dns.id", "dns.question.name",
     "dns.question.type", "dns.question.class", "dns.response_code", "event.duration", "pillion.source",
     "pillion.upstream", "pillion.server", "pillion.ede.code", "pillion.ede.text"});

enum class KeyKind : std::uint8_t {
  mapping,   // holds other keys
  list,      // `min` to `max` elements
  duration,  // `min` to `max` milliseconds
  seconds,   // `min` to `max` milliseconds, whole seconds only
  size,      // `min` to `max` bytes, or 0 unless `may_be_auto`
  integer,   // `min` to `max`
  fraction,  // 0 to 1, in decimal
  boolean,
  choice,  // one of `choices`
  text,    // `description` says what is allowed
};

/// One key. Its path is written with dots. `NAME` stands for an upstream's name and `[]` for the elements of a list.
struct KeySpec {
  std::string_view path;
  KeyKind kind = KeyKind::text;
  std::string_view default_text = {};  ///< as YAML; empty for keys that are required or optional, and for mappings
  std::string_view description = {};   ///< what is allowed, for kinds that do not say it themselves
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::span<const std::string_view> choices = {};
  bool optional = false;      ///< True if the key has no default and may be left out
  bool may_be_false = false;  ///< True if `false` may stand in place of the mapping
  bool may_be_auto = false;   ///< True if `auto` may stand in place of the size; 0 is then not allowed
};

/// Every key; a mapping comes before its keys.
[[nodiscard]] std::span<const KeySpec> keys();

/// The key with this path. `path` must be in the table.
[[nodiscard]] const KeySpec& key(std::string_view path);

/// The names of the keys of the mapping at `path` ("" for the top level), in the table's order, separated by commas.
[[nodiscard]] std::string allowed_names(std::string_view path);

/// The key of the mapping at `path` whose name is most like `name`; empty if none is similar.
[[nodiscard]] std::string_view nearest_name(std::string_view path, std::string_view name);

/// True if the mapping at `path` has a key with this name.
[[nodiscard]] bool has_key(std::string_view path, std::string_view name);

/// The values that this key allows: "100ms to 30s", "tls, tcp or udp".
[[nodiscard]] std::string allowed_text(const KeySpec& key);

}  // namespace pillion::config
