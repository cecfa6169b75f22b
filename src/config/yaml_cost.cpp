#include "config/yaml_cost.hpp"

namespace pillion::config {
namespace {

// Bytes, measured with yaml-cpp 0.7 and rounded up.
constexpr std::size_t of_character = 10;
constexpr std::size_t of_property = 100;    // an anchor, an alias, a tag
constexpr std::size_t of_element = 550;     // of a list
constexpr std::size_t of_pair = 960;        // of a mapping
constexpr std::size_t of_collection = 760;  // a list, a mapping, a document

/// True if an indicator before this character is one, and not a part of a word. `c` is 0 at the end of the text.
bool ends_indicator(char c) {
  return c == 0 || std::string_view(" \t\r\n,[]{}").contains(c);
}

bool is_quote(char c) {
  return c == '"' || c == '\'';
}

/// `before` is the last character that is no white space.
std::size_t cost_of(char c, char before, char next) {
  switch (c) {
    case '[':
    case '{':
      return of_collection;
    case ',':
      return of_element;
    case '&':
    case '*':
    case '!':
      return of_property;
    case '"':
    case '\'':  // A quoted text right after another one is the next document.
      return is_quote(before) ? of_collection : 0;
    case ':':  // No space need follow a quoted key.
      return ends_indicator(next) || is_quote(before) || before == ']' || before == '}' ? of_pair : 0;
    case '?':
      return ends_indicator(next) ? of_pair : 0;
    case '-':
      if (!ends_indicator(next)) return 0;
      return before == '-' ? of_collection : of_element;
    case '.':  // "..." ends a document.
      return before == '.' && ends_indicator(next) ? of_collection : 0;
    default:
      return 0;
  }
}

}  // namespace

std::size_t yaml_cost(std::string_view yaml) {
  std::size_t cost = of_character * yaml.size();
  char before = 0;
  for (std::size_t i = 0; i < yaml.size(); ++i) {
    const char c = yaml[i];
    const char next = i + 1 < yaml.size() ? yaml[i + 1] : '\0';
    cost += cost_of(c, before, next);
    if (!std::string_view(" \t\r\n").contains(c)) before = c;
  }
  return cost;
}

}  // namespace pillion::config
