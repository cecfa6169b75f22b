#include "config/difference.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>

#include "config/line_paths.hpp"
#include "dns/utf8.hpp"

namespace pillion::config {
namespace {

using Lines = std::span<const ValueLine>;

/// The search for the shortest difference gives up beyond this number of edits. Its time grows with this number times
/// the number of lines. Its memory grows with the square of this number: half a megabyte here.
constexpr std::ptrdiff_t max_edits = 500;
constexpr std::size_t max_line = 300;  // bytes

/// "- PATH: VALUE", cut to `max_line` bytes at the start of a character.
std::string printed(std::string_view sign, const ValueLine& line) {
  std::string text(sign);
  text.append(*line.path).append(": ").append(line.value);
  if (text.size() <= max_line) return text;
  text.resize(dns::cut_at_character(text, max_line).size());
  return text + "...";
}

class Report {
 public:
  void removed(const ValueLine& line) { add("- ", line); }
  void added(const ValueLine& line) { add("+ ", line); }
  [[nodiscard]] std::vector<std::string> take() {
    if (count_ > max_difference_lines)
      lines_.push_back("... and " + std::to_string(count_ - max_difference_lines) + " more");
    return std::move(lines_);
  }

 private:
  void add(std::string_view sign, const ValueLine& line) {
    if (++count_ <= max_difference_lines) lines_.push_back(printed(sign, line));
  }
  std::vector<std::string> lines_;
  std::size_t count_ = 0;
};

/// The lines that only one of the two texts has.
struct Marks {
  std::vector<bool> removed;
  std::vector<bool> added;
};

/// E. W. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), section 4: the greedy algorithm. On diagonal
/// k = x - y, `reach` holds the greatest x that d edits come to.
class ShortestDifference {
 public:
  ShortestDifference(Lines before, Lines after) : before_(before), after_(after), reach_(2 * max_edits + 3, 0) {}

  /// nullopt if the shortest difference takes more than max_edits.
  std::optional<Marks> find() {
    for (std::ptrdiff_t edits = 0; edits <= max_edits; ++edits) {
      const auto first = reach_.begin() + (offset - edits - 1);
      reached_.emplace_back(first, first + 2 * edits + 3);  // what the previous step reached
      if (step(edits)) return trace(edits);
    }
    return std::nullopt;
  }

 private:
  static constexpr std::ptrdiff_t offset = max_edits + 1;

  /// True if this step reached the end of both texts.
  bool step(std::ptrdiff_t edits) {
    const auto width = std::ssize(before_);
    const auto height = std::ssize(after_);
    for (auto k = -edits; k <= edits; k += 2) {
      std::ptrdiff_t x = from_above(edits, k, at(k - 1), at(k + 1)) ? at(k + 1) : at(k - 1) + 1;
      while (x < width && x - k < height && before_[index(x)] == after_[index(x - k)]) ++x;
      at(k) = static_cast<std::int32_t>(x);
      if (x >= width && x - k >= height) return true;
    }
    return false;
  }

  Marks trace(std::ptrdiff_t edits) const {
    Marks marks{.removed = std::vector<bool>(before_.size()), .added = std::vector<bool>(after_.size())};
    auto k = std::ssize(before_) - std::ssize(after_);
    for (; edits > 0; --edits) {
      const auto& earlier = reached_[index(edits)];
      const auto earlier_at = [&](std::ptrdiff_t diagonal) { return earlier[index(diagonal + edits + 1)]; };
      if (from_above(edits, k, earlier_at(k - 1), earlier_at(k + 1))) {
        const std::ptrdiff_t x = earlier_at(k + 1);
        marks.added[index(x - k - 1)] = true;
        ++k;
      } else {
        marks.removed[index(earlier_at(k - 1))] = true;
        --k;
      }
    }
    return marks;
  }

  /// True if adding a line leads to diagonal k; false if removing a line does.
  static bool from_above(std::ptrdiff_t edits, std::ptrdiff_t k, std::int32_t left, std::int32_t right) {
    return k == -edits || (k != edits && left < right);
  }
  static std::size_t index(std::ptrdiff_t number) { return static_cast<std::size_t>(number); }
  std::int32_t& at(std::ptrdiff_t k) { return reach_[index(k + offset)]; }

  Lines before_;
  Lines after_;
  std::vector<std::int32_t> reach_;
  std::vector<std::vector<std::int32_t>> reached_;
};

/// Reports in the order of the documents. Removed lines come before the lines that were added in their place.
void report_in_order(Lines before, Lines after, const Marks& marks, Report& report) {
  for (std::size_t i = 0, j = 0; i < before.size() || j < after.size(); ++i, ++j) {
    for (; i < before.size() && marks.removed[i]; ++i) report.removed(before[i]);
    for (; j < after.size() && marks.added[j]; ++j) report.added(after[j]);
  }
}

struct LineHash {
  std::size_t operator()(const ValueLine& line) const {
    return std::hash<const void*>{}(line.path) * 31 + std::hash<std::string_view>{}(line.value);
  }
};

/// The elements of `lines` that occur more often in `lines` than in `others`.
std::vector<const ValueLine*> surplus(Lines lines, Lines others) {
  std::unordered_map<ValueLine, std::size_t, LineHash> counts;
  for (const auto& line : others) ++counts[line];
  std::vector<const ValueLine*> found;
  for (const auto& line : lines) {
    const auto known = counts.find(line);
    if (known == counts.end() || known->second == 0) {
      found.push_back(&line);
    } else {
      --known->second;
    }
  }
  return found;
}

/// Reports removed and added lines alternately, so that both kinds are among the first.
void report_surplus(Lines before, Lines after, Report& report) {
  const auto removed = surplus(before, after);
  const auto added = surplus(after, before);
  for (std::size_t i = 0; i < std::max(removed.size(), added.size()); ++i) {
    if (i < removed.size()) report.removed(*removed[i]);
    if (i < added.size()) report.added(*added[i]);
  }
}

}  // namespace

std::vector<std::string> difference(std::string_view before, std::string_view after) {
  PathSet paths;
  const auto old_lines = value_lines(before, paths);
  const auto new_lines = value_lines(after, paths);
  const auto [old_start, new_start] = std::ranges::mismatch(old_lines, new_lines);
  auto old_end = old_lines.end();
  auto new_end = new_lines.end();
  while (old_end != old_start && new_end != new_start && *(old_end - 1) == *(new_end - 1)) {
    --old_end;
    --new_end;
  }
  const Lines removed_from(old_start, old_end);
  const Lines added_to(new_start, new_end);

  Report report;
  if (const auto marks = ShortestDifference(removed_from, added_to).find()) {
    report_in_order(removed_from, added_to, *marks, report);
  } else {
    report_surplus(removed_from, added_to, report);
  }
  auto lines = report.take();
  if (lines.empty() && (!removed_from.empty() || !added_to.empty()))
    lines.emplace_back("the same lines in another order");
  return lines;
}

}  // namespace pillion::config
