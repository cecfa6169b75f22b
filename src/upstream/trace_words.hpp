#pragma once
// The words for the enumerators in a trace, in snake_case. Pure.

#include <string_view>

#include "runtime/enum_array.hpp"
#include "upstream/trace.hpp"

namespace pillion::upstream::trace {

[[nodiscard]] constexpr std::string_view to_word(CacheState state) {
  constexpr runtime::EnumArray<CacheState, std::string_view, 7> words = {
      "disabled", "bypassed", "miss", "fresh", "fresh_failure", "stale", "stale_given"};
  return words[state];
}
[[nodiscard]] constexpr std::string_view to_word(Content content) {
  constexpr runtime::EnumArray<Content, std::string_view, 4> words = {"answer", "nxdomain", "nodata", "failure"};
  return words[content];
}
[[nodiscard]] constexpr std::string_view to_word(StaleGiven::Since since) {
  constexpr runtime::EnumArray<StaleGiven::Since, std::string_view, 3> words = {"group_is_down", "waited", "failed"};
  return words[since];
}
[[nodiscard]] constexpr std::string_view to_word(Cause cause) {
  constexpr runtime::EnumArray<Cause, std::string_view, 7> words = {"first",   "failure", "refusal",  "late",
                                                                    "silence", "hedge",   "new_round"};
  return words[cause];
}
[[nodiscard]] constexpr std::string_view to_word(Why why) {
  constexpr runtime::EnumArray<Why, std::string_view, 8> words = {
      "only_one", "lowest_latency", "unmeasured", "exploration", "in_order", "in_turn", "by_chance", "soonest_back"};
  return words[why];
}
[[nodiscard]] constexpr std::string_view to_word(ServerState state) {
  constexpr runtime::EnumArray<ServerState, std::string_view, 4> words = {"responsive", "silent", "backed_off",
                                                                          "tried"};
  return words[state];
}
[[nodiscard]] constexpr std::string_view to_word(Waits::For what) {
  constexpr runtime::EnumArray<Waits::For, std::string_view, 3> words = {"connection", "retry", "lane"};
  return words[what];
}
[[nodiscard]] constexpr std::string_view to_word(GoesOverTcp::Since since) {
  constexpr runtime::EnumArray<GoesOverTcp::Since, std::string_view, 3> words = {"truncated", "too_long", "mismatched"};
  return words[since];
}
[[nodiscard]] constexpr std::string_view to_word(NameState finding) {
  constexpr runtime::EnumArray<NameState, std::string_view, 3> words = {"exists", "missing", "failed"};
  return words[finding];
}

}  // namespace pillion::upstream::trace
