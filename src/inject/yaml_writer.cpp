#include "inject/yaml_writer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <fmt/format.h>

#include "inject/yaml_scalar.hpp"

namespace pillion::inject {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Line breaks of YAML 1.1 besides the common ones (U+0085, U+2028, U+2029), and the byte order mark (U+FEFF).
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> separators = {{
    {"\xC2\x85", "\\u0085"},
    {"\xE2\x80\xA8", "\\u2028"},
    {"\xE2\x80\xA9", "\\u2029"},
    {"\xEF\xBB\xBF", "\\uFEFF"},
}};

bool has_line_separator(std::string_view text) {
  return std::ranges::any_of(separators,
                             [&](const auto& each) { return text.find(each.first) != std::string_view::npos; });
}

std::string double_quoted(std::string_view text) {
  auto result = json::serialize(json::value(text));
  for (const auto& [raw, escaped] : separators) {
    for (auto at = result.find(raw); at != std::string::npos; at = result.find(raw, at))
      result.replace(at, raw.size(), escaped);
  }
  return result;
}

/// True if the text may stand without quotes: no reader may take it for anything but text.
bool is_plain(std::string_view text) {
  if (text.empty() || !(is_letter(text.front()) || text.front() == '/' || text.front() == '_')) return false;
  const bool has_only = std::ranges::all_of(text, [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') ||
           std::string_view(" _-./:=+,@()'").find(c) != std::string_view::npos;
  });
  if (!has_only || text.back() == ' ' || text.back() == ':') return false;
  if (text.find(": ") != std::string_view::npos) return false;
  const auto resolved = resolve_plain(text);
  return resolved && resolved->is_string();
}

/// True if the text is most readable in single quotes, in which nothing of it needs an escape.
bool is_single_quoted(std::string_view text) {
  return !has_line_separator(text) && text.find('"') != std::string_view::npos &&
         std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c != '\'' && c != 0x7F; });
}

/// True if the text may be a literal block: no line of it begins or ends with characters that would be lost.
bool is_block(std::string_view text) {
  if (has_line_separator(text) || text.find('\n') == std::string_view::npos || text.front() == ' ' ||
      text.front() == '\n')
    return false;
  const bool is_printable = std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 || c == '\n'; });
  return is_printable && text.find(" \n") == std::string_view::npos && text.back() != ' ';
}

class YamlWriter {
 public:
  void document(const json::value& value) {
    if (is_nested(value)) {
      nested(value, 0);
    } else {
      scalar(value, 0);
      out_ += '\n';
    }
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  static bool is_nested(const json::value& value) {
    return (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
  }

  void indent(std::size_t depth) { out_.append(depth, ' '); }

  /// Writes a non-empty map or list from the start of a line.
  void nested(const json::value& value, std::size_t depth) {
    if (const auto* const members = value.if_object()) {
      bool is_first = true;
      for (const auto& [key, member] : *members) {
        if (!is_first || !is_after_dash_) indent(depth);
        is_first = is_after_dash_ = false;
        text(key);
        out_ += ':';
        behind_key(member, depth);
      }
    } else {
      for (const auto& item : value.get_array()) {
        if (!is_after_dash_) indent(depth);
        is_after_dash_ = false;
        out_ += "- ";
        if (is_nested(item)) {
          is_after_dash_ = true;
          nested(item, depth + 2);
        } else {
          scalar(item, depth);
          out_ += '\n';
        }
      }
    }
  }

  void behind_key(const json::value& value, std::size_t depth) {
    if (is_nested(value)) {
      out_ += '\n';
      nested(value, value.is_array() ? depth : depth + 2);
    } else {
      out_ += ' ';
      scalar(value, depth);
      out_ += '\n';
    }
  }

  void scalar(const json::value& value, std::size_t depth) {
    switch (value.kind()) {
      case json::kind::string:
        if (is_block(value.get_string())) {
          block(value.get_string(), depth + 2);
        } else {
          text(value.get_string());
        }
        break;
      case json::kind::double_:
        number(value.get_double());
        break;
      case json::kind::object:
        out_ += "{}";
        break;
      case json::kind::array:
        out_ += "[]";
        break;
      default:
        out_ += json::serialize(value);
    }
  }

  /// Uses fmt, since std::to_chars would add tables of 130 kB and libm.
  void number(double value) { fmt::format_to(std::back_inserter(out_), "{}", value); }

  void text(std::string_view value) {
    if (is_plain(value)) {
      out_ += value;
    } else if (is_single_quoted(value)) {
      out_ += '\'' + std::string(value) + '\'';
    } else {
      out_ += double_quoted(value);
    }
  }

  /// Writes a literal block. Its header says how many line breaks the text ends with.
  void block(std::string_view value, std::size_t depth) {
    const auto last = value.find_last_not_of('\n');
    const auto breaks = value.size() - 1 - last;
    out_ += breaks == 0 ? "|-" : breaks == 1 ? "|" : "|+";
    auto lines = breaks == 0 ? value : value.substr(0, value.size() - 1);
    while (true) {
      const auto end = lines.find('\n');
      const auto line = lines.substr(0, end);
      out_ += '\n';
      if (!line.empty()) {
        indent(depth);
        out_ += line;
      }
      if (end == std::string_view::npos) break;
      lines.remove_prefix(end + 1);
    }
  }

  std::string out_;
  bool is_after_dash_ = false;  ///< True if the line has begun with the dash of a list's item
};

}  // namespace

std::string to_yaml(const json::value& value) {
  YamlWriter writer;
  writer.document(value);
  return writer.take();
}

}  // namespace pillion::inject
