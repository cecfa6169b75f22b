#include "inject/editor.hpp"

#include <charconv>
#include <cstddef>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

namespace pillion::inject {
namespace {

std::string unescaped(std::string_view token) {
  std::string key;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~' || i + 1 == token.size()) {
      key += token[i];
    } else {
      key += token[++i] == '1' ? '/' : '~';
    }
  }
  return key;
}

struct MemberPlace {
  json::value& parent;
  std::string key;
};

MemberPlace place(json::value& document, std::string_view pointer) {
  const auto slash = pointer.rfind('/');
  return {document.at_pointer(pointer.substr(0, slash)), unescaped(pointer.substr(slash + 1))};
}

std::size_t index(const json::array& items, std::string_view key) {
  std::size_t at = items.size();
  if (key != "-") std::from_chars(key.data(), key.data() + key.size(), at);
  return at;
}

}  // namespace

std::string child(std::string_view parent, std::string_view key) {
  std::string pointer(parent);
  pointer += '/';
  for (const char c : key) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

const json::value* find(const json::value& document, std::string_view pointer) {
  json::error_code error;
  const auto* const found = document.find_pointer(pointer, error);
  return found == nullptr || found->is_null() ? nullptr : found;
}

const json::object* find_object(const json::value& document, std::string_view pointer) {
  const auto* const found = find(document, pointer);
  return found == nullptr ? nullptr : found->if_object();
}

const json::array* find_array(const json::value& document, std::string_view pointer) {
  const auto* const found = find(document, pointer);
  return found == nullptr ? nullptr : found->if_array();
}

const json::string* find_string(const json::value& document, std::string_view pointer) {
  const auto* const found = find(document, pointer);
  return found == nullptr ? nullptr : found->if_string();
}

const json::array& items_at(const json::value& document, std::string_view pointer) {
  static const json::array none;
  const auto* const found = find_array(document, pointer);
  return found == nullptr ? none : *found;
}

std::string_view text_at(const json::value& document, std::string_view pointer) {
  const auto* const found = find_string(document, pointer);
  return found == nullptr ? std::string_view{} : std::string_view(*found);
}

void Editor::add(std::string_view pointer, json::value value) {
  patch_.emplace_back(json::object{{"op", "add"}, {"path", pointer}, {"value", value}});
  const auto [parent, key] = place(document_, pointer);
  if (auto* const items = parent.if_array()) {
    items->insert(items->begin() + static_cast<std::ptrdiff_t>(index(*items, key)), std::move(value));
  } else {
    parent.as_object()[key] = std::move(value);
  }
}

void Editor::remove(std::string_view pointer) {
  patch_.emplace_back(json::object{{"op", "remove"}, {"path", pointer}});
  const auto [parent, key] = place(document_, pointer);
  if (auto* const items = parent.if_array()) {
    items->erase(items->begin() + static_cast<std::ptrdiff_t>(index(*items, key)));
  } else {
    parent.as_object().stable_erase(key);
  }
}

}  // namespace pillion::inject
