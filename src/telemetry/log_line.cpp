#include "telemetry/log_line.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "runtime/enum_array.hpp"
#include "telemetry/escaped_text.hpp"

namespace pillion::telemetry {
namespace {

using runtime::Field;
using runtime::LogLevel;

constexpr runtime::EnumArray<LogLevel, std::string_view, 4> json_levels = {"debug", "info", "warn", "error"};
constexpr runtime::EnumArray<LogLevel, std::string_view, 4> text_levels = {"DEBUG", "INFO ", "WARN ", "ERROR"};

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
      append_escaped(out, text, {.quoted = false});
    } else {
      append_quoted(out, text);
    }
  }
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
  void operator()(double number) const {
    if (format != LineFormat::text && !std::isfinite(number)) {
      out += "null";
    } else {
      fmt::format_to(std::back_inserter(out), "{}", number);
    }
  }
  void operator()(std::int64_t number) const { fmt::format_to(std::back_inserter(out), "{}", number); }
  void operator()(std::uint64_t number) const { fmt::format_to(std::back_inserter(out), "{}", number); }
};

/// The log's keys that have a name in the Elastic Common Schema.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> ecs_names{
    {{"client", "client.ip"}, {"error", "error.message"}, {"file", "file.path"}, {"version", "service.version"}}};

void append_ecs_name(std::string& out, std::string_view key) {
  out += '"';
  const auto known = std::ranges::find(ecs_names, key, &std::pair<std::string_view, std::string_view>::first);
  if (known != ecs_names.end()) {
    out += known->second;
  } else {
    // Fields outside the schema carry the program's name as a prefix, so that they never clash with it.
    out += "pillion.";
    append_escaped(out, key, {.quoted = true});
  }
  out += '"';
}

/// Appends `{"ts":"…","level":"…","msg":"…"`, or the same with the names of the Elastic Common Schema.
void append_json_start(std::string& out, bool is_ecs, std::chrono::system_clock::time_point time, LogLevel level,
                       std::string_view message) {
  out += is_ecs ? R"({"@timestamp":")" : R"({"ts":")";
  append_timestamp(out, time);
  out += is_ecs ? R"(","log.level":")" : R"(","level":")";
  out += json_levels[level];
  out += is_ecs ? R"(","ecs.version":"8.11.0","event.dataset":"pillion.log","message":)" : R"(","msg":)";
  append_quoted(out, message);
}

}  // namespace

void append_log_line(std::string& out, LineFormat format, std::chrono::system_clock::time_point time, LogLevel level,
                     std::string_view message, std::span<const Field> fields) {
  const ValueAppender append_value{out, format};
  if (format != LineFormat::text) {
    const bool is_ecs = format == LineFormat::ecs_json;
    append_json_start(out, is_ecs, time, level, message);
    for (const auto& field : fields) {
      out += ',';
      if (is_ecs) {
        append_ecs_name(out, field.key);
      } else {
        append_quoted(out, field.key);
      }
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
  append_escaped(out, message, {.quoted = false});
  for (const auto& field : fields) {
    out += ' ';
    append_escaped(out, field.key, {.quoted = false});
    out += '=';
    std::visit(append_value, field.value.variant());
  }
  out += '\n';
}

}  // namespace pillion::telemetry
