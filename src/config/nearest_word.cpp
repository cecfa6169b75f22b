#include "config/nearest_word.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace pillion::config {
namespace {

/// The number of characters to insert, remove, replace or exchange with their neighbour that makes `b` of `a` (the
/// optimal string alignment distance).
std::size_t distance(std::string_view a, std::string_view b) {
  const auto width = b.size() + 1;
  std::vector<std::size_t> steps((a.size() + 1) * width);
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      auto& here = steps[i * width + j];
      here = std::max(i, j);
      if (i == 0 || j == 0) continue;
      const auto replaced = steps[(i - 1) * width + j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
      here = std::min({steps[(i - 1) * width + j] + 1, steps[i * width + j - 1] + 1, replaced});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) here = std::min(here, steps[(i - 2) * width + j - 2] + 1);
    }
  }
  return steps.back();
}

}  // namespace

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t longest_word =
      64;  // a longer one resembles no candidate, and the comparison takes quadratic time
  if (word.size() > longest_word) return {};
  std::string_view nearest;
  auto limit = std::max<std::size_t>(1, word.size() / 3);
  for (const auto candidate : candidates) {
    const auto steps = distance(word, candidate);
    if (steps > limit || (steps == limit && !nearest.empty())) continue;
    nearest = candidate;
    limit = steps;
  }
  return nearest;
}

}  // namespace pillion::config
