#include "telemetry/log_line.hpp"

#include <cmath>
#include <iterator>
#include <variant>

#include <fmt/format.h>

#include "dns/utf8.hpp"
#include "runtime/enum_array.hpp"

namespace pillion::telemetry {
namespace {

using runtime::Field;
using runtime::LogLevel;

constexpr runtime::EnumArray<LogLevel, std::string_view, 4> json_levels = {"debug", "info", "warn", "error"};
constexpr runtime::EnumArray<LogLevel, std::string_view, 4> text_levels = {"DEBUG", "INFO ", "WARN ", "ERROR"};
constexpr std::string_view replacement_character = "\xEF\xBF\xBD";
constexpr std::string_view ellipsis = "\xE2\x80\xA6";

/// C0 and C1 controls and DEL: in a terminal they would act.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

void append_escaped(std::string& out, std::string_view text, bool quoted) {
  const bool cut = text.size() > max_log_text;
  text = text.substr(0, max_log_text);
  while (!text.empty()) {
    const std::size_t length = dns::character_size(text);
    if (length == 0) {
      if (cut && text.size() < 4) break;  // a sequence cut in two by the limit
      out += replacement_character;
      text.remove_prefix(1);
      continue;
    }
    const auto sequence = text.substr(0, length);
    text.remove_prefix(length);
    if (is_control(sequence)) {
      // The code point of both kinds of control is the last byte.
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(sequence.back()));
    } else {
      if (quoted && (sequence == "\"" || sequence == "\\")) out += '\\';
      out += sequence;
    }
  }
  if (cut) out += ellipsis;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text, true);
  out += '"';
}

bool is_plain(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\') return false;
  }
  return !text.empty();
}

struct ValueAppender {
  std::string& out;
  LineFormat format;

  void operator()(std::string_view text) const {
    if (format == LineFormat::text && is_plain(text)) {
      append_escaped(out, text, false);
    } else {
      append_quoted(out, text);
    }
  }
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
  void operator()(double number) const {
    if (format == LineFormat::json && !std::isfinite(number)) {
      out += "null";
    } else {
      fmt::format_to(std::back_inserter(out), "{}", number);
    }
  }
  void operator()(std::int64_t number) const { fmt::format_to(std::back_inserter(out), "{}", number); }
  void operator()(std::uint64_t number) const { fmt::format_to(std::back_inserter(out), "{}", number); }
};

void append_timestamp(std::string& out, std::chrono::system_clock::time_point time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(milliseconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(milliseconds - day);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                 clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace

void append_log_line(std::string& out, LineFormat format, std::chrono::system_clock::time_point time, LogLevel level,
                     std::string_view message, std::span<const Field> fields) {
  const ValueAppender append_value{out, format};
  if (format == LineFormat::json) {
    out += R"({"ts":")";
    append_timestamp(out, time);
    out += R"(","level":")";
    out += json_levels[level];
    out += R"(","msg":)";
    append_quoted(out, message);
    for (const auto& field : fields) {
      out += ',';
      append_quoted(out, field.key);
      out += ':';
      std::visit(append_value, field.value.variant());
    }
    out += "}\n";
    return;
  }
  append_timestamp(out, time);
  out += ' ';
  out += text_levels[level];
  out += ' ';
  append_escaped(out, message, false);
  for (const auto& field : fields) {
    out += ' ';
    append_escaped(out, field.key, false);
    out += '=';
    std::visit(append_value, field.value.variant());
  }
  out += '\n';
}

}  // namespace pillion::telemetry
