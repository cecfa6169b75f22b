#pragma once
// What a scalar of YAML is to Kubernetes, whose tools read YAML 1.1 and make JSON of it.

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// The value of a scalar without quotes: null, a boolean ("yes" and "off" too), a number ("0x1F", "0644" and "1_000"
/// too) or text. nullopt for a number that JSON does not have (".inf", ".nan").
[[nodiscard]] std::optional<json::value> resolve_plain(std::string_view text);

/// The UTF-8 of a scalar as yaml-cpp has read it: of the escapes `\N` and `\_` (YAML 1.2.2, 5.7: U+0085 and U+00A0) it
/// makes one byte each, which stands alone in no UTF-8.
[[nodiscard]] std::string text_of(std::string_view scalar);

}  // namespace pillion::inject
