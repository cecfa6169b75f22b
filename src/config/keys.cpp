#include "config/keys.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <vector>

#include "config/nearest_word.hpp"
#include "config/scalar.hpp"

namespace pillion::config {
namespace {

/// The last word of `path` if `mapping` is everything before it; else empty.
std::string_view name_in(std::string_view mapping, std::string_view path) {
  if (!mapping.empty()) {
    if (!path.starts_with(mapping) || path.size() <= mapping.size() || path[mapping.size()] != '.') return {};
    path.remove_prefix(mapping.size() + 1);
  }
  return path.find_first_of(".[") == std::string_view::npos ? path : std::string_view{};
}

std::vector<std::string_view> names_in(std::string_view mapping) {
  std::vector<std::string_view> names;
  for (const auto& entry : keys()) {
    const auto name = name_in(mapping, entry.path);
    if (!name.empty()) names.push_back(name);
  }
  return names;
}

/// "a", "a or b", "a, b or c".
template <typename Words>
std::string join(const Words& words, std::string_view last_separator) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? last_separator : std::string_view{", "};
    text += words[i];
  }
  return text;
}

}  // namespace

const KeySpec& key(std::string_view path) {
  const auto found = std::ranges::find(keys(), path, &KeySpec::path);
  assert(found != keys().end());
  return *found;
}

std::string allowed_names(std::string_view path) {
  return join(names_in(path), ", ");
}

std::string_view nearest_name(std::string_view path, std::string_view name) {
  return nearest_word(name, names_in(path));
}

bool has_key(std::string_view path, std::string_view name) {
  return std::ranges::any_of(keys(),
                             [&](const KeySpec& entry) { return !name.empty() && name_in(path, entry.path) == name; });
}

std::string allowed_text(const KeySpec& key) {
  using std::chrono::milliseconds;
  switch (key.kind) {
    case KeyKind::mapping:
      return (key.may_be_false ? "false, or a mapping with " : "a mapping with ") + allowed_names(key.path);
    case KeyKind::list:
      if (key.min == key.max) return std::to_string(key.min) + " of: " + std::string(key.description);
      return std::to_string(key.min) + " to " + std::to_string(key.max) + " of: " + std::string(key.description);
    case KeyKind::duration:
      return format_duration(milliseconds(key.min)) + " to " + format_duration(milliseconds(key.max));
    case KeyKind::seconds:
      return format_duration(milliseconds(key.min)) + " to " + format_duration(milliseconds(key.max)) +
             ", whole seconds";
    case KeyKind::size:
      return (key.may_be_auto ? "auto, or " : "0, or ") + format_size(static_cast<std::uint64_t>(key.min)) + " to " +
             format_size(static_cast<std::uint64_t>(key.max));
    case KeyKind::integer:
      return std::to_string(key.min) + " to " + std::to_string(key.max);
    case KeyKind::fraction:
      return "0 to 1, in decimal";
    case KeyKind::boolean:
      return "true or false";
    case KeyKind::choice:
      return join(key.choices, " or ");
    case KeyKind::text:
      break;
  }
  return std::string(key.description);
}

}  // namespace pillion::config
