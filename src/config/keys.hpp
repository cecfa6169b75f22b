#pragma once
// Every key of the configuration with its default and its range: the one table that the reader enforces and the
// reference in deploy/CONFIGURATION.md is held to.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pillion::config {

/// The words of the choices, in the order of their enums in config.hpp.
inline constexpr std::array<std::string_view, 3> protocol_words{"tls", "tcp", "udp"};
inline constexpr std::array<std::string_view, 4> policy_words{"fastest", "sequential", "round_robin", "random"};
inline constexpr std::array<std::string_view, 2> tls_version_words{"1.2", "1.3"};
inline constexpr std::array<std::string_view, 4> log_level_words{"debug", "info", "warn", "error"};
inline constexpr std::array<std::string_view, 2> log_format_words{"json", "text"};
inline constexpr std::array<std::string_view, 2> log_names_words{"short", "ecs"};
inline constexpr std::array<std::string_view, 2> logged_names_words{"plain", "hashed"};
/// Names of the Elastic Common Schema, and of our own namespace where that has none.
inline constexpr std::array<std::string_view, 15> query_log_field_words{
    "client.ip",         "client.port",       "network.transport",  "network.type",      "dns.id",
    "dns.question.name", "dns.question.type", "dns.question.class", "dns.response_code", "event.duration",
    "pillion.source",    "pillion.upstream",  "pillion.server",     "pillion.ede.code",  "pillion.ede.text"};

enum class KeyKind : std::uint8_t {
  mapping,   // holds other keys
  list,      // `min` to `max` elements
  duration,  // `min` to `max` milliseconds
  seconds,   // the same, whole seconds only
  size,      // 0, or `min` to `max` bytes
  integer,   // `min` to `max`
  fraction,  // 0 to 1, in decimal
  boolean,
  choice,  // one of `choices`
  text,    // what `description` says
};

/// One key. A path is written with dots; `NAME` stands for an upstream's name and `[]` for the elements of a list.
struct KeySpec {
  std::string_view path;
  KeyKind kind = KeyKind::text;
  std::string_view default_text = {};  ///< as YAML; empty: there is none, since the key is required or a mapping
  std::string_view description = {};   ///< what is allowed, for the kinds that do not say it themselves
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::span<const std::string_view> choices = {};
  bool optional = false;      ///< True if it may be left out though it has no default
  bool may_be_false = false;  ///< True if `false` may stand in place of the mapping
  bool may_be_auto = false;   ///< True if `auto` may stand in place of a size, and 0 may not
};

/// Every key, each mapping before the keys it holds.
[[nodiscard]] std::span<const KeySpec> keys();

/// The key with this path; `path` is one that the table has.
[[nodiscard]] const KeySpec& key(std::string_view path);

/// The names of the keys that the mapping at `path` ("" for the top level) may hold, in the table's order.
[[nodiscard]] std::string allowed_names(std::string_view path);

/// The one of those names that is nearest to `name`; empty where none is near.
[[nodiscard]] std::string_view nearest_name(std::string_view path, std::string_view name);

/// True if there is a key with this name for the mapping at `path`.
[[nodiscard]] bool has_key(std::string_view path, std::string_view name);

/// What the value of this key may be: "100ms to 30s", "tls, tcp or udp".
[[nodiscard]] std::string allowed_text(const KeySpec& key);

}  // namespace pillion::config
