#pragma once
// The words that a trace has for the values of its enumerations: those of the fields, in snake_case. Pure.

#include <array>
#include <cstddef>
#include <string_view>

#include "upstream/trace.hpp"

namespace pillion::upstream::trace {

/// The word at the place of an enumeration's value.
template <std::size_t Size, typename Enumeration>
constexpr std::string_view word_of(const std::array<std::string_view, Size>& words, Enumeration value) {
  return words.at(static_cast<std::size_t>(value));
}

[[nodiscard]] constexpr std::string_view to_word(CacheState state) {
  constexpr std::array<std::string_view, 7> words = {"disabled",      "bypassed", "miss",       "fresh",
                                                     "fresh_failure", "stale",    "stale_given"};
  return word_of(words, state);
}
[[nodiscard]] constexpr std::string_view to_word(Content content) {
  constexpr std::array<std::string_view, 4> words = {"answer", "nxdomain", "nodata", "failure"};
  return word_of(words, content);
}
[[nodiscard]] constexpr std::string_view to_word(StaleGiven::Since since) {
  constexpr std::array<std::string_view, 3> words = {"group_is_down", "waited", "failed"};
  return word_of(words, since);
}
[[nodiscard]] constexpr std::string_view to_word(Cause cause) {
  constexpr std::array<std::string_view, 7> words = {"first",   "failure", "refusal",  "late",
                                                     "silence", "hedge",   "new_round"};
  return word_of(words, cause);
}
[[nodiscard]] constexpr std::string_view to_word(Why why) {
  constexpr std::array<std::string_view, 8> words = {"only_one", "lowest_latency", "unmeasured", "exploration",
                                                     "in_order", "in_turn",        "by_chance",  "soonest_back"};
  return word_of(words, why);
}
[[nodiscard]] constexpr std::string_view to_word(ServerState state) {
  constexpr std::array<std::string_view, 4> words = {"responsive", "silent", "backed_off", "tried"};
  return word_of(words, state);
}
[[nodiscard]] constexpr std::string_view to_word(Waits::For what) {
  constexpr std::array<std::string_view, 3> words = {"connection", "retry", "lane"};
  return word_of(words, what);
}
[[nodiscard]] constexpr std::string_view to_word(GoesOverTcp::Since since) {
  constexpr std::array<std::string_view, 3> words = {"truncated", "too_long", "mismatched"};
  return word_of(words, since);
}
[[nodiscard]] constexpr std::string_view to_word(Finding finding) {
  constexpr std::array<std::string_view, 3> words = {"exists", "missing", "failed"};
  return word_of(words, finding);
}

}  // namespace pillion::upstream::trace
