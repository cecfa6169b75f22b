#pragma once
// Parses and formats the scalars of the configuration: durations, sizes, endpoints, pins and names. Pure. The error of
// an std::expected says what is wrong.

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace pillion::config {

/// Parses a whole number and one unit: "250ms", "5s", "2m", "1h".
[[nodiscard]] std::expected<std::chrono::milliseconds, std::string> parse_duration(std::string_view text);

/// The shortest exact form, except that one minute is "60s": "250ms", "60s", "2m", "1h".
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

/// Parses a number of bytes: "0", "512B", "64KiB", "4MiB", "1GiB".
[[nodiscard]] std::expected<std::uint64_t, std::string> parse_size(std::string_view text);

/// The shortest exact form: "0", "1000B", "4MiB".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

/// The canonical form of a domain name in this room: lower case, without the final dot except for the root (".").
[[nodiscard]] std::expected<std::string, std::string> parse_domain(std::string_view text);

/// Parses a whole decimal number between -2^63 and 2^63 - 1. Leading zeros, a plus sign, fractions and exponents are
/// errors.
[[nodiscard]] std::expected<std::int64_t, std::string> parse_integer(std::string_view text);

/// A number from 0 to 1 in decimal, such as "0", "0.05" or "1", with at most 9 digits behind the point, in parts of
/// `whole_share`; anything else is an error.
[[nodiscard]] std::expected<std::uint32_t, std::string> parse_fraction(std::string_view text);

/// The shortest of those forms.
[[nodiscard]] std::string format_fraction(std::uint32_t parts);

/// Parses "127.0.0.1:8053" or "[::1]:8053". The returned address has its canonical form (RFC 5952). Port 0 is
/// accepted.
[[nodiscard]] std::expected<Endpoint, std::string> parse_endpoint(std::string_view text);

/// Empty if a certificate can carry `text` as a host name (RFC 9525 6.3, RFC 1123 2.1); else what is wrong.
[[nodiscard]] std::string check_tls_name(std::string_view text);

/// Empty if `text` is "sha256/" and the base64 (RFC 4648 section 4) of 32 bytes; else what is wrong.
[[nodiscard]] std::string check_pin(std::string_view text);

/// Empty if `text` may name an upstream, which is also a metric label: 1 to 63 letters, digits, `-` and `_`. Else what
/// is wrong.
[[nodiscard]] std::string check_upstream_name(std::string_view text);

/// `text` for a message of one line: control characters, and what is no UTF-8, replaced by `?`; cut to `longest` bytes.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t longest = 60);

/// one_line() in backquotes.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace pillion::config
