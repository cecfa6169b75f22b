#include "inject/yaml_scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace pillion::inject {
namespace {

template <std::size_t size>
bool is_one_of(std::string_view text, const std::array<std::string_view, size>& words) {
  return std::ranges::find(words, text) != words.end();
}

constexpr std::array<std::string_view, 5> nulls = {"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 11> trues = {"y",  "Y",  "yes",  "Yes",  "YES", "on",
                                                    "On", "ON", "true", "True", "TRUE"};
constexpr std::array<std::string_view, 11> falses = {"n",   "N",   "no",    "No",    "NO",   "off",
                                                     "Off", "OFF", "false", "False", "FALSE"};
constexpr std::array<std::string_view, 9> no_json = {".inf",  ".Inf", ".INF", "+.inf", "-.inf",
                                                     "-.Inf", ".nan", ".NaN", ".NAN"};

/// The number that `digits` as a whole represent in this base.
template <typename Number>
std::optional<Number> whole(std::string_view digits, int base) {
  Number number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<json::value> integer(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.front() == '-') return std::nullopt;
  int base = 10;
  if (text.size() > 1 && text.front() == '0') {
    const char mark = text[1];
    base = mark == 'x' || mark == 'X' ? 16 : mark == 'b' || mark == 'B' ? 2 : 8;
    text.remove_prefix(base == 8 && mark != 'o' && mark != 'O' ? 1 : 2);
  }
  if (text.empty() || text.front() == '-') return std::nullopt;
  const auto magnitude = whole<std::uint64_t>(text, base);
  if (!magnitude) return std::nullopt;
  constexpr std::uint64_t most = std::uint64_t{1} << 63U;
  if (is_negative) {
    if (*magnitude > most) return std::nullopt;
    return json::value(static_cast<std::int64_t>(0 - *magnitude));
  }
  if (*magnitude < most) return json::value(static_cast<std::int64_t>(*magnitude));
  return json::value(*magnitude);
}

/// Parses digits with a point or an exponent. Words such as "inf", which strtod accepts, are no numbers here.
std::optional<json::value> fraction(std::string_view text) {
  const bool has_digit = std::ranges::any_of(text, [](char c) { return c >= '0' && c <= '9'; });
  const bool has_only = std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '-' || c == '+'; });
  if (!has_digit || !has_only) return std::nullopt;
  // std::from_chars for double would add libm to the image.
  const std::string digits(text);
  char* end = nullptr;
  const double number = std::strtod(digits.c_str(), &end);
  if (end != digits.c_str() + digits.size() || !std::isfinite(number)) return std::nullopt;
  return json::value(number);
}

}  // namespace

std::optional<json::value> resolve_plain(std::string_view text) {
  if (is_one_of(text, nulls)) return json::value(nullptr);
  if (is_one_of(text, trues)) return json::value(true);
  if (is_one_of(text, falses)) return json::value(false);
  if (is_one_of(text, no_json)) return std::nullopt;
  const char first = text.front();
  if ((first >= '0' && first <= '9') || first == '-' || first == '+' || first == '.') {
    std::string digits(text);
    std::erase(digits, '_');
    if (auto number = integer(digits)) return number;
    if (auto number = fraction(digits)) return number;
  }
  return json::value(text);
}

std::string text_of(std::string_view scalar) {
  std::string text;
  text.reserve(scalar.size());
  std::size_t left = 0;  // bytes still missing of a multi-byte character
  for (const char c : scalar) {
    const auto byte = static_cast<unsigned char>(c);
    if (left > 0) {
      --left;
    } else if (byte == 0x85 || byte == 0xA0) {
      text += '\xC2';
    } else if (byte >= 0xC0) {
      left = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
    }
    text += c;
  }
  return text;
}

}  // namespace pillion::inject
