#pragma once
// Changes to a JSON document, made and written down as a patch (RFC 6902).

#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// "PARENT/KEY" as a JSON pointer (RFC 6901), with what `key` has of "~" and "/" escaped.
[[nodiscard]] std::string child(std::string_view parent, std::string_view key);

/// What the pointer leads to, or nullptr if there is nothing, or null, which Kubernetes takes for nothing.
[[nodiscard]] const json::value* find(const json::value& document, std::string_view pointer);
/// The same, or nullptr if it is of another kind.
[[nodiscard]] const json::object* find_object(const json::value& document, std::string_view pointer);
[[nodiscard]] const json::array* find_array(const json::value& document, std::string_view pointer);
[[nodiscard]] const json::string* find_string(const json::value& document, std::string_view pointer);
/// The items of a list; none where it is not there, or is none.
[[nodiscard]] const json::array& items_at(const json::value& document, std::string_view pointer);
/// A text; empty where it is not there, or is none.
[[nodiscard]] std::string_view text_at(const json::value& document, std::string_view pointer);

class Editor {
 public:
  explicit Editor(json::value& document) : document_(document) {}

  /// Adds a member, instead of the one that is there if any, or inserts an item before the one that the pointer's last
  /// part counts to; "-" is the end. The parent is there.
  void add(std::string_view pointer, json::value value);
  /// Takes away what is there.
  void remove(std::string_view pointer);

  [[nodiscard]] const json::value& document() const { return document_; }
  [[nodiscard]] const json::array& patch() const { return patch_; }

 private:
  json::value& document_;
  json::array patch_;
};

}  // namespace pillion::inject
