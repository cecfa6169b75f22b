#include "inject/yaml_splice.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <yaml-cpp/yaml.h>

#include "inject/yaml_scalar.hpp"
#include "inject/yaml_writer.hpp"

namespace pillion::inject {
namespace {

/// The lines [begin, end).
struct LineRange {
  std::size_t begin;
  std::size_t end;
};

/// A member of a map or an item of a list, in the text's order.
struct TextEntry {
  std::string key;  ///< set for a member of a map
  YAML::Node value;
  std::size_t line;
  std::size_t column;  ///< column of the key, or of the item's dash
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto size = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

std::size_t indentation(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

bool is_block(const YAML::Node& node) {
  return (node.IsMap() || node.IsSequence()) && node.size() > 0 && node.Style() != YAML::EmitterStyle::Flow;
}

/// True if both are non-empty maps or both are non-empty lists, so that parts of the text may stay.
bool is_alike(const json::value& one, const json::value& other) {
  if (one.is_object() && other.is_object()) return !one.get_object().empty() && !other.get_object().empty();
  return one.is_array() && other.is_array() && !one.get_array().empty() && !other.get_array().empty();
}

class Splicer {
 public:
  explicit Splicer(std::string_view text) : lines_(lines_of(text)) {}

  std::optional<std::string> run(const YAML::Node& root, const json::value& before, const json::value& after) {
    if (!root.IsMap() || !is_block(root) || !is_alike(before, after)) return std::nullopt;
    const auto first = static_cast<std::size_t>(root.begin()->first.Mark().line);
    auto end = first;
    while (end < lines_.size() && !lines_[end].starts_with("...")) ++end;
    copy({0, first});
    if (!nested(root, before, after, {first, end})) return std::nullopt;
    copy({end, lines_.size()});
    return std::move(out_);
  }

 private:
  void append(std::string_view text) {
    if (!out_.empty() && out_.back() != '\n') out_ += '\n';
    out_ += text;
  }
  void copy(LineRange range) {
    for (auto line = range.begin; line < range.end; ++line) append(lines_[line]);
  }

  /// Writes a member or an item. Its first line begins with `prefix`, and the others are indented equally.
  void write(const json::value& value, const std::string& prefix) {
    const auto text = to_yaml(value);
    bool is_first = true;
    for (const auto line : lines_of(text)) {
      append(is_first ? prefix : line == "\n" ? "" : std::string(prefix.size(), ' '));
      out_ += line;
      is_first = false;
    }
  }

  /// The text before the entry on its line: spaces, or the dash of the item that it begins.
  [[nodiscard]] std::string prefix_of(const TextEntry& entry) const {
    return std::string(lines_[entry.line].substr(0, entry.column));
  }

  /// The range without the comments and empty lines at its end, which belong to what follows.
  [[nodiscard]] LineRange content(LineRange range, std::size_t column) const {
    while (range.end > range.begin + 1) {
      const auto line = lines_[range.end - 1];
      const auto at = line.find_first_not_of(" \t\r\n");
      if (at != std::string_view::npos && (line[at] != '#' || indentation(line) > column)) break;
      --range.end;
    }
    return range;
  }

  /// The entries, or none if a map has a merge key, or an item's dash is not first on its line.
  [[nodiscard]] std::vector<TextEntry> entries_of(const YAML::Node& node) const {
    std::vector<TextEntry> entries;
    for (const auto& each : node) {
      const auto mark = node.IsMap() ? each.first.Mark() : each.Mark();
      const auto line = static_cast<std::size_t>(mark.line);
      if (line >= lines_.size()) return {};
      if (node.IsMap()) {
        const auto& key = each.first.Scalar();
        if (key == "<<") return {};
        entries.push_back({text_of(key), each.second, line, static_cast<std::size_t>(mark.column)});
      } else {
        const auto column = indentation(lines_[line]);
        if (column >= lines_[line].size() || lines_[line][column] != '-') return {};
        entries.push_back({{}, static_cast<const YAML::Node&>(each), line, column});
      }
    }
    const bool is_ordered = std::ranges::adjacent_find(entries, [](const auto& one, const auto& next) {
                              return one.line >= next.line;
                            }) == entries.end();
    return is_ordered ? entries : std::vector<TextEntry>{};
  }

  /// Writes a map or list, keeping parts of its text. False if its layout does not allow that; the output since is
  /// then invalid.
  bool nested(const YAML::Node& node, const json::value& before, const json::value& after, LineRange range) {
    const auto entries = entries_of(node);
    if (entries.empty()) return false;
    // Comments between the key and the first item belong to that item, and another item may be inserted before it.
    const LineRange head{range.begin, std::min(range.begin + 1, entries.front().line)};
    copy(head);
    const LineRange comments{head.end, entries.front().line};
    return node.IsMap() ? members(entries, before.get_object(), after.get_object(), comments, range.end)
                        : items(entries, before.get_array(), after.get_array(), comments, range.end);
  }

  [[nodiscard]] LineRange range_of(const std::vector<TextEntry>& entries, std::size_t i, std::size_t end) const {
    return {entries[i].line, i + 1 < entries.size() ? entries[i + 1].line : end};
  }

  /// Copies `rest` and sets it to the lines that follow the entry's own. Returns the entry's own lines, which the
  /// caller copies or drops.
  LineRange pass(const std::vector<TextEntry>& entries, std::size_t i, LineRange& rest, std::size_t end) {
    copy(rest);
    const auto whole = range_of(entries, i, end);
    const auto own = content(whole, entries[i].column);
    rest = {own.end, whole.end};
    return own;
  }

  /// Writes the members of a map. `rest` has the lines before the first entry, which are not copied yet.
  bool members(const std::vector<TextEntry>& entries, const json::object& before, const json::object& after,
               LineRange rest, std::size_t end) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const auto& entry = entries[i];
      const auto own = pass(entries, i, rest, end);
      const auto* const was = before.if_contains(entry.key);
      const auto* const is = after.if_contains(entry.key);
      if (was == nullptr) return false;
      if (is == nullptr) {
        // Dropping the member would drop the dash of the item that it begins.
        if (prefix_of(entry).find_first_not_of(' ') != std::string::npos) return false;
      } else if (*was == *is) {
        copy(own);
      } else {
        change(entry, *was, *is, own, json::object{{entry.key, *is}});
      }
    }
    const std::string indent(entries.front().column, ' ');
    for (const auto& [key, value] : after) {
      if (!before.contains(key)) write(json::object{{key, value}}, indent);
    }
    copy(rest);
    return true;
  }

  /// Writes the items of a list. `rest` is as in members().
  bool items(const std::vector<TextEntry>& entries, const json::array& before, const json::array& after, LineRange rest,
             std::size_t end) {
    if (before.size() != entries.size()) return false;
    const std::string indent(entries.front().column, ' ');
    std::size_t old = 0;
    for (std::size_t i = 0; i < after.size(); ++i) {
      const auto* const from = before.begin() + static_cast<std::ptrdiff_t>(old);
      const auto* const same = std::find(from, before.end(), after[i]);
      const auto* const later = after.begin() + static_cast<std::ptrdiff_t>(i);
      const bool is_there = same != before.end();
      const bool is_changed =
          !is_there && old < before.size() && std::find(later, after.end(), before[old]) == after.end();
      if (!is_there && !is_changed) {
        write(json::array{after[i]}, indent);
        continue;
      }
      for (; is_there && before[old] != after[i]; ++old) pass(entries, old, rest, end);
      const auto own = pass(entries, old, rest, end);
      if (is_there) {
        copy(own);
      } else {
        change(entries[old], before[old], after[i], own, json::array{after[i]});
      }
      ++old;
    }
    for (; old < entries.size(); ++old) pass(entries, old, rest, end);
    copy(rest);
    return true;
  }

  /// Writes an entry whose value has changed: in parts if possible, else as `whole`, a map or list with only this
  /// entry.
  void change(const TextEntry& entry, const json::value& was, const json::value& is, LineRange range,
              const json::value& whole) {
    const auto size = out_.size();
    if (is_block(entry.value) && is_alike(was, is) && nested(entry.value, was, is, range)) return;
    out_.resize(size);
    write(whole, prefix_of(entry));
  }

  std::vector<std::string_view> lines_;
  std::string out_;
};

}  // namespace

std::optional<std::string> spliced(std::string_view text, const json::value& before, const json::value& after) {
  return Splicer(text).run(YAML::Load(std::string(text)), before, after);
}

}  // namespace pillion::inject
