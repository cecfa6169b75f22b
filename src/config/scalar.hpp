#pragma once
// The configuration's written forms: durations, sizes, endpoints, pins and names. Pure text in, value or complaint out.

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace pillion::config {

/// "250ms", "5s", "2m", "1h": a whole number and one unit. The error says what is wrong.
[[nodiscard]] std::expected<std::chrono::milliseconds, std::string> parse_duration(std::string_view text);

/// The shortest of those forms that is exact, but seconds up to a minute: "250ms", "60s", "2m", "1h".
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

/// Bytes: "0", "512B", "64KiB", "4MiB", "1GiB".
[[nodiscard]] std::expected<std::uint64_t, std::string> parse_size(std::string_view text);

/// The shortest of those forms that is exact: "0", "1000B", "4MiB".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

/// A domain name in the one form that this room has for it: lower case, without the final dot but for the root (".").
[[nodiscard]] std::expected<std::string, std::string> parse_domain(std::string_view text);

/// A whole number in decimal, without sign, leading zeros, fraction or exponent; anything else is an error, as is one
/// above 2^63 - 1.
[[nodiscard]] std::expected<std::int64_t, std::string> parse_integer(std::string_view text);

/// A number from 0 to 1 in decimal, such as "0", "0.05" or "1", with at most 9 digits behind the point, in parts of
/// `whole_share`; anything else is an error.
[[nodiscard]] std::expected<std::uint32_t, std::string> parse_fraction(std::string_view text);

/// The shortest of those forms.
[[nodiscard]] std::string format_fraction(std::uint32_t parts);

/// "127.0.0.1:8053" or "[::1]:8053"; the address comes back in its canonical form (RFC 5952). Port 0 is accepted.
[[nodiscard]] std::expected<Endpoint, std::string> parse_endpoint(std::string_view text);

/// Empty where `text` is a host name that a certificate can carry (RFC 9525 6.3, RFC 1123 2.1); else what is wrong.
[[nodiscard]] std::string check_tls_name(std::string_view text);

/// Empty where `text` is "sha256/" and the base64 (RFC 4648 section 4) of 32 bytes; else what is wrong.
[[nodiscard]] std::string check_pin(std::string_view text);

/// Empty where `text` can name an upstream: 1 to 63 letters, digits, `-` and `_`, since it becomes a metric's label;
/// else what is wrong.
[[nodiscard]] std::string check_upstream_name(std::string_view text);

/// `text` for a message of one line: control characters replaced, cut to 60 bytes.
[[nodiscard]] std::string one_line(std::string_view text);

/// The same in backquotes.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace pillion::config
