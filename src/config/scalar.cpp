#include "config/scalar.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <memory>
#include <span>

#include "dns/name.hpp"
#include "dns/utf8.hpp"

namespace pillion::config {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::array duration_units{Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}};
constexpr std::array size_units{Unit{"B", 1}, Unit{"KiB", 1LL << 10}, Unit{"MiB", 1LL << 20}, Unit{"GiB", 1LL << 30}};

/// Parses a whole number and one of `units`. `what` and `examples` are used in messages.
std::expected<std::int64_t, std::string> parse_with_unit(std::string_view text, std::span<const Unit> units,
                                                         std::string_view what, std::string_view examples) {
  const auto digits = static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
  const auto complaint = [&](std::string_view problem) {
    return std::unexpected(in_quotes(text) + " " + std::string(problem) + " " + std::string(what) + " such as " +
                           std::string(examples));
  };
  if (digits == 0) return complaint("is not");
  const auto unit = std::ranges::find(units, text.substr(digits), &Unit::name);
  if (digits == text.size()) return complaint("is a bare number; write");
  if (unit == units.end()) return complaint("is not");
  const auto number = parse_integer(text.substr(0, digits));
  if (!number || *number > std::numeric_limits<std::int64_t>::max() / unit->factor)
    return complaint("is too large for");
  return *number * unit->factor;
}

/// The address in its canonical form; empty if `text` is not a literal address of this family.
std::string canonical_address(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  if (inet_pton(family, text.c_str(), address.data()) != 1) return {};
  inet_ntop(family, address.data(), canonical.data(), canonical.size());
  return canonical.data();
}

}  // namespace

std::expected<std::chrono::milliseconds, std::string> parse_duration(std::string_view text) {
  const auto count = parse_with_unit(text, duration_units, "a duration", "250ms, 5s, 2m or 1h");
  if (!count) return std::unexpected(count.error());
  return std::chrono::milliseconds(*count);
}

std::string format_duration(std::chrono::milliseconds duration) {
  const auto count = duration.count();
  const auto unit = count == 0                               ? duration_units[1]
                    : count % 3'600'000 == 0                 ? duration_units[3]
                    : count % 60'000 == 0 && count != 60'000 ? duration_units[2]
                    : count % 1'000 == 0                     ? duration_units[1]
                                                             : duration_units[0];
  return std::to_string(count / unit.factor) + std::string(unit.name);
}

std::expected<std::uint64_t, std::string> parse_size(std::string_view text) {
  if (text == "0") return 0;
  const auto count = parse_with_unit(text, size_units, "a size", "512B, 64KiB, 4MiB or 1GiB");
  if (!count) return std::unexpected(count.error());
  return static_cast<std::uint64_t>(*count);
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  const auto unit = std::ranges::find_if(size_units.rbegin(), size_units.rend(), [&](const Unit& candidate) {
    return bytes % static_cast<std::uint64_t>(candidate.factor) == 0;
  });
  return std::to_string(bytes / static_cast<std::uint64_t>(unit->factor)) + std::string(unit->name);
}

std::expected<std::string, std::string> parse_domain(std::string_view text) {
  const auto name = dns::parse_name(text);
  if (!name) return std::unexpected(in_quotes(text) + " is not a domain name: " + name.error());
  auto canonical = dns::to_text(*name);
  for (auto& c : canonical) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (canonical.size() > 1) canonical.pop_back();
  return canonical;
}

std::expected<std::int64_t, std::string> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  // YAML 1.1 reads 010 as octal and YAML 1.2 as decimal, so that leading zeros are refused.
  const bool ambiguous = text.size() > 1 && text.front() == '0';
  const auto* const end = std::to_address(text.end());
  const auto [stop, error] = std::from_chars(std::to_address(text.begin()), end, number);
  if (error == std::errc::result_out_of_range && stop == end)
    return std::unexpected(in_quotes(text) + " is out of range");
  if (error != std::errc{} || stop != end || ambiguous)
    return std::unexpected(in_quotes(text) + " is not a whole number");
  return number;
}

std::expected<std::uint32_t, std::string> parse_fraction(std::string_view text) {
  const auto complaint = [&](std::string_view problem) {
    return std::unexpected(in_quotes(text) + " " + std::string(problem));
  };
  constexpr std::size_t max_digits = 9;
  const auto point = text.find('.');
  const auto digits = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  const auto integer = parse_integer(text.substr(0, point));
  const bool are_digits =
      text.find_first_not_of("0123456789.") == std::string_view::npos && digits.find('.') == std::string_view::npos;
  if (!integer || !are_digits || (point != std::string_view::npos && digits.empty()))
    return complaint("is not a number such as 0.05");
  if (digits.size() > max_digits) return complaint("has more than 9 decimal places");
  std::uint32_t parts = 0;
  for (std::size_t i = 0; i < max_digits; ++i)
    parts = parts * 10 + (i < digits.size() ? static_cast<std::uint32_t>(digits[i] - '0') : 0U);
  if (*integer > 1 || (*integer == 1 && parts > 0)) return complaint("is out of range");
  return *integer == 1 ? whole_share : parts;
}

std::string format_fraction(std::uint32_t parts) {
  if (parts == 0) return "0";
  if (parts >= whole_share) return "1";
  auto digits = std::to_string(whole_share + parts).substr(1);
  digits.resize(digits.find_last_not_of('0') + 1);
  return "0." + digits;
}

std::expected<Endpoint, std::string> parse_endpoint(std::string_view text) {
  const auto complaint = [&](std::string_view problem) {
    return std::unexpected(in_quotes(text) + " " + std::string(problem));
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']')) return complaint("has no port");
  auto host = text.substr(0, colon);
  const auto port_text = text.substr(colon + 1);

  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (!bracketed && host.find(':') != std::string_view::npos) {
    return complaint("is an IPv6 address without brackets or without a port");
  }
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = canonical_address(bracketed ? AF_INET6 : AF_INET, std::string(host));
  // inet_pton stops at a zero byte, which a quoted YAML scalar can hold.
  if (address.empty() || host.find('\0') != std::string_view::npos) {
    return complaint(bracketed ? "is not an IPv6 address" : "is not an IPv4 address; host names are not allowed");
  }

  const auto port = parse_integer(port_text);
  if (!port || *port < 0 || *port > std::numeric_limits<std::uint16_t>::max()) return complaint("has a bad port");
  return Endpoint{.address = address, .port = static_cast<std::uint16_t>(*port)};
}

std::string check_tls_name(std::string_view text) {
  constexpr std::size_t longest_name = 253, longest_label = 63;  // RFC 1035 2.3.4, without the length bytes
  if (text.size() > longest_name) return in_quotes(text) + " is longer than 253 characters";
  if (canonical_address(AF_INET, std::string(text)) == text || canonical_address(AF_INET6, std::string(text)) == text) {
    return in_quotes(text) + R"( is an address: without tls_name, Pillion verifies the IP address in the certificate)";
  }
  for (auto rest = text;;) {
    const auto dot = rest.find('.');
    const auto label = rest.substr(0, dot);
    if (label.empty() || label.size() > longest_label)
      return in_quotes(text) + " has an empty label, or a label of more than 63 characters";
    const bool letters = std::ranges::all_of(label, [](char c) { return is_alphanumeric(c) || c == '-'; });
    if (!letters || label.front() == '-' || label.back() == '-') return in_quotes(text) + " is not a host name";
    if (dot == std::string_view::npos) return {};
    rest.remove_prefix(dot + 1);
  }
}

std::string check_pin(std::string_view text) {
  constexpr std::string_view prefix = "sha256/";
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t digits = 43;  // 32 bytes are 256 bits: 42 digits of 6 bits, one of 4, and one `=`
  if (!text.starts_with(prefix)) return in_quotes(text) + " does not start with sha256/";
  const auto base64 = text.substr(prefix.size());
  const bool well_formed = base64.size() == digits + 1 && base64.back() == '=' &&
                           base64.find_first_not_of(alphabet) == digits && alphabet.find(base64[digits - 1]) % 4 == 0;
  return well_formed ? std::string{} : in_quotes(text) + " is not the base64 of 32 bytes";
}

std::string check_upstream_name(std::string_view text) {
  constexpr std::size_t longest = 63;
  const bool characters = std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
  if (!text.empty() && text.size() <= longest && characters) return {};
  return in_quotes(text) + " is not a name for an upstream";
}

std::string one_line(std::string_view text, std::size_t longest) {
  std::string line(dns::cut_at_character(text, longest));
  const bool is_cut = line.size() < text.size();
  const bool is_utf8 = dns::is_utf8_text(dns::Bytes(reinterpret_cast<const std::uint8_t*>(line.data()), line.size()));
  for (auto& c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !is_utf8)) c = '?';
  }
  return is_cut ? line + "…" : line;
}

std::string in_quotes(std::string_view text) {
  return "`" + one_line(text) + "`";
}

}  // namespace pillion::config
