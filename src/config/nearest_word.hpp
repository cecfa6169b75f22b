#pragma once
// The word that somebody who mistyped one may have meant. Pure.

#include <span>
#include <string_view>

namespace pillion::config {

/// The candidate that the fewest changes of a character make of `word`, the first one of several. At most one change is
/// made for three characters of `word`, but one in any case. Empty if no candidate is so near.
[[nodiscard]] std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace pillion::config
