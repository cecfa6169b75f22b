#include "config/line_paths.hpp"

#include <algorithm>

namespace pillion::config {
namespace {

/// A key, or an element of a list, that contains other lines.
struct Level {
  std::size_t indent;
  std::string path;
};

class LineReader {
 public:
  explicit LineReader(PathSet& paths) : paths_(paths) {}

  void read(std::string_view line) {
    const auto indent = std::min(line.find_first_not_of(' '), line.size());
    line.remove_prefix(indent);
    if (line.empty()) return;
    while (!levels_.empty() && levels_.back().indent >= indent) levels_.pop_back();
    if (line.starts_with("- ")) {
      read_element(indent, line.substr(2));
    } else {
      read_pair(indent, levels_.empty() ? std::string{} : levels_.back().path + ".", line);
    }
  }
  [[nodiscard]] std::vector<ValueLine> take() { return std::move(lines_); }

 private:
  void read_element(std::size_t indent, std::string_view element) {
    const auto list = levels_.empty() ? std::string{} : levels_.back().path;
    if (element.find_first_of("\"{[") == 0) {
      add(list + "[]", element);
      return;
    }
    // The first pair of a mapping that takes several lines identifies the mapping.
    read_pair(indent, list + "[].", element);
    levels_.push_back({.indent = indent, .path = list + "[" + std::string(element) + "]"});
  }

  void read_pair(std::size_t indent, const std::string& parent, std::string_view line) {
    const auto colon = line.find(": ");
    if (colon != std::string_view::npos) {
      add(parent + std::string(line.substr(0, colon)), line.substr(colon + 2));
    } else if (line.ends_with(':')) {
      levels_.push_back({.indent = indent, .path = parent + std::string(line.substr(0, line.size() - 1))});
    } else {
      add(parent, line);
    }
  }

  void add(const std::string& path, std::string_view value) {
    lines_.push_back({.path = &*paths_.insert(path).first, .value = value});
  }

  PathSet& paths_;
  std::vector<Level> levels_;
  std::vector<ValueLine> lines_;
};

}  // namespace

std::vector<ValueLine> value_lines(std::string_view yaml, PathSet& paths) {
  LineReader reader(paths);
  while (!yaml.empty()) {
    const auto end = std::min(yaml.find('\n'), yaml.size());
    reader.read(yaml.substr(0, end));
    yaml.remove_prefix(std::min(end + 1, yaml.size()));
  }
  return reader.take();
}

}  // namespace pillion::config
