#pragma once
// Changes the text of a YAML document and keeps every line whose meaning does not change.

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// Changes the text of a document from the value `before` to the value `after`. Unchanged lines of maps and lists in
/// block style stay, with their comments, anchors and spelling. A scalar, or a map or list in flow style, is written
/// anew as a whole. nullopt if the document is not a map in block style. With aliases and unusual layouts the result
/// may have another value than `after`, so that the caller must read it and compare.
[[nodiscard]] std::optional<std::string> spliced(std::string_view text, const json::value& before,
                                                 const json::value& after);

}  // namespace pillion::inject
