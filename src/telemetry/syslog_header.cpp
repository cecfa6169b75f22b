#include "telemetry/syslog_header.hpp"

#include <cstddef>

#include "runtime/enum_array.hpp"

namespace pillion::telemetry {
namespace {

constexpr std::size_t max_host = 255;
constexpr std::size_t max_message_id = 32;

/// Appends at most `limit` characters as PRINTUSASCII (RFC 5424 section 6), or NILVALUE if the text is empty.
void append_word(std::string& out, std::string_view text, std::size_t limit) {
  if (text.empty()) out += '-';
  for (const char c : text.substr(0, limit)) out += c > ' ' && c <= '~' ? c : '?';
}

}  // namespace

SyslogHeader::SyslogHeader(std::string_view host, std::uint32_t process, std::string_view message_id) {
  behind_time_ += ' ';
  append_word(behind_time_, host, max_host);
  behind_time_ += " pillion " + std::to_string(process) + ' ';
  append_word(behind_time_, message_id, max_message_id);
  behind_time_ += " - ";
}

std::string_view SyslogHeader::before_time(runtime::LogLevel level) {
  // PRI is the facility daemon (3) times eight, plus the severity: debug (7), informational (6), warning (4), error
  // (3).
  constexpr runtime::EnumArray<runtime::LogLevel, std::string_view, 4> starts = {"<31>1 ", "<30>1 ", "<28>1 ",
                                                                                 "<27>1 "};
  return starts[level];
}

}  // namespace pillion::telemetry
