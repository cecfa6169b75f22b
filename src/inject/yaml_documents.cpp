#include "inject/yaml_documents.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include "inject/yaml_scalar.hpp"
#include "inject/yaml_splice.hpp"
#include "inject/yaml_writer.hpp"

namespace pillion::inject {
namespace {

/// Limits what aliases expand to: a few lines of them can exceed any memory.
constexpr std::size_t max_nodes = 4'000'000;

/// A fault of the document with its position.
class Problem : public std::runtime_error {
 public:
  Problem(const YAML::Mark& mark, const std::string& text)
      : std::runtime_error(text), line(mark.line), column(mark.column) {}
  int line;    ///< counted from zero
  int column;  ///< counted from zero
};

class Converter {
 public:
  json::value convert(const YAML::Node& node) {
    if (++nodes_ > max_nodes) throw Problem(node.Mark(), "the document has too many nodes with its aliases expanded");
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence: {
        json::array items;
        for (const auto& item : node) items.emplace_back(convert(item));
        return items;
      }
      case YAML::NodeType::Map:
        return map(node);
      default:
        return nullptr;
    }
  }

 private:
  static json::value scalar(const YAML::Node& node) {
    const auto& tag = node.Tag();
    if (tag == "!" || tag.ends_with(":str")) return json::value(text_of(node.Scalar()));
    auto value = resolve_plain(node.Scalar());
    if (!value) throw Problem(node.Mark(), "`" + node.Scalar() + "` is a number that JSON does not have");
    return *value;
  }

  json::value map(const YAML::Node& node) {
    json::object members;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) throw Problem(entry.first.Mark(), "a key must be text");
      if (is_merge(entry.first)) continue;
      const auto key = text_of(entry.first.Scalar());
      if (members.contains(key)) throw Problem(entry.first.Mark(), "the key `" + key + "` is given twice");
      members.emplace(key, convert(entry.second));
    }
    for (const auto& entry : node) {
      if (entry.first.IsScalar() && is_merge(entry.first)) merge(entry.second, members);
    }
    return members;
  }

  static bool is_merge(const YAML::Node& key) { return key.Tag() == "?" && key.Scalar() == "<<"; }

  /// Adds the members that `members` lacks, from a map or from each map of a list; earlier maps take precedence.
  void merge(const YAML::Node& from, json::object& members) {
    if (from.IsSequence()) {
      for (const auto& each : from) merge(each, members);
    } else if (from.IsMap()) {
      auto merged = convert(from);
      for (auto& [key, value] : merged.get_object()) members.emplace(key, std::move(value));
    } else {
      throw Problem(from.Mark(), "`<<` must be a map, or a list of maps");
    }
  }

  std::size_t nodes_ = 0;
};

bool is_separator(std::string_view line, std::string_view mark) {
  return line.starts_with(mark) && (line.size() == mark.size() || line[mark.size()] == ' ' ||
                                    line[mark.size()] == '\t' || line[mark.size()] == '\r');
}

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

/// Bytes of the line, including its line break.
std::size_t line_size(std::string_view text) {
  const auto end = text.find('\n');
  return end == std::string_view::npos ? text.size() : end + 1;
}

/// Bytes of the document at the start of `rest`, which must not be empty.
std::size_t document_size(std::string_view rest) {
  std::size_t size = 0;
  while (size < rest.size()) {
    const auto line = first_line(rest.substr(size));
    if (size > 0 && is_separator(line, "---")) break;
    size += line_size(rest.substr(size));
    if (is_separator(line, "...")) break;
  }
  return size;
}

std::string place(int line, int column, std::size_t lines_before, const std::string& problem) {
  return std::to_string(static_cast<std::size_t>(line) + 1 + lines_before) + ':' + std::to_string(column + 1) + ": " +
         problem;
}

}  // namespace

std::expected<std::vector<YamlDocument>, std::string> read_documents(std::string_view stream) {
  std::vector<YamlDocument> documents;
  std::size_t lines = 0;
  while (!stream.empty()) {
    const auto text = stream.substr(0, document_size(stream));
    stream.remove_prefix(text.size());
    try {
      documents.push_back({.text = std::string(text), .value = Converter().convert(YAML::Load(std::string(text)))});
    } catch (const Problem& problem) {
      return std::unexpected(place(problem.line, problem.column, lines, problem.what()));
    } catch (const YAML::DeepRecursion& error) {
      return std::unexpected(place(error.mark.line, error.mark.column, lines, "the YAML is nested too deeply"));
    } catch (const YAML::ParserException& error) {
      return std::unexpected(place(error.mark.line, error.mark.column, lines, error.msg));
    }
    lines += static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }
  return documents;
}

std::string rewritten(const YamlDocument& document, const json::value& value) {
  if (auto text = spliced(document.text, document.value, value)) {
    const auto read = read_documents(*text);
    if (read && read->size() == 1 && read->front().value == value) return std::move(*text);
  }
  std::string_view rest = document.text;
  std::string result;
  while (!rest.empty()) {
    const auto line = first_line(rest);
    const auto begin = line.find_first_not_of(" \t\r");
    const bool is_before = begin == std::string_view::npos || line[begin] == '#' ||
                           (is_separator(line, "---") && line.find_first_not_of(" \t\r-") == std::string_view::npos);
    if (!is_before) break;
    const auto size = line_size(rest);
    result += rest.substr(0, size);
    rest.remove_prefix(size);
  }
  if (is_separator(first_line(rest), "---")) result += "---\n";
  result += to_yaml(value);
  // Keeps the end of the document, so that the next one still starts where it did.
  for (; !rest.empty(); rest.remove_prefix(line_size(rest))) {
    if (is_separator(first_line(rest), "...")) return result + std::string(rest);
  }
  return result;
}

}  // namespace pillion::inject
