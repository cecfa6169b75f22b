#pragma once
// Changes to the text of a YAML document that leave every line as it is which says what it said before.

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// The text of one document, which says `before`, made to say `after`: lines of maps and lists in block style of which
/// the value has not changed stay, with their comments, anchors and spelling; a map or list in flow style, or a scalar,
/// is written anew as a whole. nullopt where the document is not a map in block style. What comes of aliases and of odd
/// layouts may say something else than `after`: who calls has to read it.
[[nodiscard]] std::optional<std::string> spliced(std::string_view text, const json::value& before,
                                                 const json::value& after);

}  // namespace pillion::inject
