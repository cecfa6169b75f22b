#include "telemetry/escaped_text.hpp"

#include <iterator>

#include <fmt/format.h>

#include "dns/utf8.hpp"

namespace pillion::telemetry {
namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";
constexpr std::string_view ellipsis = "\xE2\x80\xA6";

/// True for C0 and C1 controls and DEL, which a terminal would execute.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text, const TextForm& form) {
  const bool cut = text.size() > form.limit;
  text = text.substr(0, form.limit);
  while (!text.empty()) {
    const std::size_t length = dns::character_size(text);
    if (length == 0) {
      if (cut && text.size() < 4) break;  // the limit has cut a sequence
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
      if (form.quoted && (sequence == "\"" || sequence == "\\")) out += '\\';
      out += sequence;
    }
  }
  if (cut) out += ellipsis;
}

void append_quoted(std::string& out, std::string_view text, std::size_t limit) {
  out += '"';
  append_escaped(out, text, {.quoted = true, .limit = limit});
  out += '"';
}

void append_timestamp(std::string& out, std::chrono::system_clock::time_point time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(milliseconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(milliseconds - day);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                 clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace pillion::telemetry
