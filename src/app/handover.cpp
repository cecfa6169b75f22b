#include "app/handover.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdlib>

namespace pillion::app {
namespace {

// Arrays, since the supervisor reads these names: discard_relocated_data() discards the pointers in string_views.
constexpr char report_name[] = "report", supervisor_name[] = "supervisor", socket_name[] = "socket",
               channel_name[] = "channel", outcome_name[] = "outcome", restarts_name[] = "restarts",
               ended_by_name[] = "ended_by", lived_name[] = "lived_ms";

void append(std::string& out, std::string_view name, std::integral auto number) {
  if (!out.empty()) out += ' ';
  out += name;
  out += '=';
  out += std::to_string(number);
}

template <std::integral Number>
bool read(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0;
}

bool read_item(std::string_view name, std::string_view number, Handover& handover) {
  if (name == report_name) return read(number, handover.report);
  if (name == supervisor_name) return read(number, handover.supervisor);
  if (name == socket_name) return read(number, handover.sockets.emplace_back());
  if (name == channel_name) return read(number, handover.channel);
  if (name == outcome_name) return read(number, handover.outcome);
  if (name == restarts_name) return read(number, handover.restarts);
  if (name == ended_by_name) return read(number, handover.ended_by);
  return name == lived_name && read(number, handover.lived_ms);
}

}  // namespace

std::string to_text(const Handover& handover) {
  std::string text;
  if (handover.report >= 0) append(text, report_name, handover.report);
  if (handover.supervisor != 0) append(text, supervisor_name, handover.supervisor);
  for (const int socket : handover.sockets) append(text, socket_name, socket);
  if (handover.channel >= 0) append(text, channel_name, handover.channel);
  if (handover.outcome >= 0) append(text, outcome_name, handover.outcome);
  if (handover.restarts != 0) append(text, restarts_name, handover.restarts);
  if (handover.ended_by != 0) append(text, ended_by_name, handover.ended_by);
  if (handover.lived_ms != 0) append(text, lived_name, handover.lived_ms);
  return text;
}

std::optional<Handover> parse_handover(std::string_view text) {
  Handover handover;
  while (!text.empty()) {
    const auto item = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const auto equals = item.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    if (!read_item(item.substr(0, equals), item.substr(equals + 1), handover)) return std::nullopt;
  }
  return handover;
}

std::optional<Handover> take_handover() {
  const char* const value = std::getenv(handover_variable);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) return std::nullopt;
  auto handover = parse_handover(value);
  ::unsetenv(handover_variable);  // NOLINT(concurrency-mt-unsafe)
  return handover;
}

}  // namespace pillion::app
