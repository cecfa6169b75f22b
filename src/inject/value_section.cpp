#include "inject/value_section.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/string.hpp>

namespace pillion::inject {

const json::value* ValueSection::take(std::string_view key) {
  read_.emplace(key);
  const auto* const found = members_.if_contains(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::string ValueSection::shown(std::string_view key) const {
  return (path_.empty() ? "" : path_ + '.') + std::string(key);
}

void ValueSection::refuse(std::string_view key, const std::string& problem) {
  faults_.push_back(shown(key) + ": " + problem);
}

void ValueSection::read(std::string_view key, std::string& out) {
  const auto* const found = take(key);
  if (found == nullptr) return;
  if (found->is_string()) {
    out = found->get_string();
  } else {
    refuse(key, "must be text; write a number in quotes");
  }
}

void ValueSection::read(std::string_view key, bool& out) {
  const auto* const found = take(key);
  if (found == nullptr) return;
  if (found->is_bool()) {
    out = found->get_bool();
  } else {
    refuse(key, "must be true or false");
  }
}

void ValueSection::read(std::string_view key, json::array& out) {
  const auto* const found = take(key);
  if (found == nullptr) return;
  if (found->is_array()) {
    out = found->get_array();
  } else {
    refuse(key, "must be a list");
  }
}

void ValueSection::read(std::string_view key, json::object& out) {
  const auto* const found = take(key);
  if (found == nullptr) return;
  if (found->is_object()) {
    out = found->get_object();
  } else {
    refuse(key, "must be a map");
  }
}

void ValueSection::read(std::string_view key, std::vector<std::string>& out) {
  json::array items;
  read(key, items);
  if (!std::ranges::all_of(items, &json::value::is_string)) return refuse(key, "must be a list of text");
  if (!members_.contains(key)) return;
  out.clear();
  for (const auto& item : items) out.emplace_back(item.get_string());
}

std::optional<std::int64_t> ValueSection::read_number(std::string_view key, std::int64_t low, std::int64_t high) {
  const auto* const found = take(key);
  if (found == nullptr) return std::nullopt;
  if (found->is_int64() && found->get_int64() >= low && found->get_int64() <= high) return found->get_int64();
  refuse(key, "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return std::nullopt;
}

std::optional<ValueSection> ValueSection::section(std::string_view key) {
  const auto* const found = take(key);
  if (found == nullptr) return std::nullopt;
  if (const auto* const members = found->if_object()) return ValueSection(*members, shown(key), faults_);
  refuse(key, "must be a map");
  return std::nullopt;
}

void ValueSection::finish() {
  for (const auto& [key, value] : members_) {
    if (!read_.contains(std::string_view(key))) refuse(key, "is not known");
  }
}

}  // namespace pillion::inject
