#pragma once
// The meaning of a YAML scalar to Kubernetes, whose tools read YAML 1.1 and convert it to JSON.

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// The value of an unquoted scalar: null, a boolean ("yes" and "off" too), a number ("0x1F", "0644" and "1_000" too)
/// or text. nullopt for a number that JSON cannot represent (".inf", ".nan").
[[nodiscard]] std::optional<json::value> resolve_plain(std::string_view text);

/// Valid UTF-8 of a scalar that yaml-cpp has read. yaml-cpp turns the escapes `\N` and `\_` (YAML 1.2.2, 5.7: U+0085
/// and U+00A0) into single bytes, which are invalid UTF-8.
[[nodiscard]] std::string text_of(std::string_view scalar);

}  // namespace pillion::inject
