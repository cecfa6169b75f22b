#pragma once
// Changes a JSON document and records the changes as a patch (RFC 6902).

#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// The JSON pointer (RFC 6901) "PARENT/KEY", with "~" and "/" in `key` escaped.
[[nodiscard]] std::string child(std::string_view parent, std::string_view key);

/// The value at the pointer; or nullptr if there is none, or it is null, which Kubernetes treats the same.
[[nodiscard]] const json::value* find(const json::value& document, std::string_view pointer);
/// The value at the pointer, or nullptr if there is none or it has another type.
[[nodiscard]] const json::object* find_object(const json::value& document, std::string_view pointer);
[[nodiscard]] const json::array* find_array(const json::value& document, std::string_view pointer);
[[nodiscard]] const json::string* find_string(const json::value& document, std::string_view pointer);
/// The list at the pointer; an empty one if there is none or it has another type.
[[nodiscard]] const json::array& items_at(const json::value& document, std::string_view pointer);
/// The text at the pointer; empty if there is none or it has another type.
[[nodiscard]] std::string_view text_at(const json::value& document, std::string_view pointer);

class Editor {
 public:
  explicit Editor(json::value& document) : document_(document) {}

  /// Adds or replaces a member, or inserts an item at the index in the pointer's last part ("-": at the end). The
  /// parent must exist.
  void add(std::string_view pointer, json::value value);
  /// Removes the value at the pointer, which must exist.
  void remove(std::string_view pointer);

  [[nodiscard]] const json::value& document() const { return document_; }
  [[nodiscard]] const json::array& patch() const { return patch_; }

 private:
  json::value& document_;
  json::array patch_;
};

}  // namespace pillion::inject
