#pragma once
// A stream of YAML documents, each with its text as it was written and what it says as JSON.

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

struct YamlDocument {
  std::string text;   ///< all of it, the line that begins it included
  json::value value;  ///< null where it says nothing
};

/// The texts together are the stream. Aliases and merge keys ("<<") are resolved. The error is "line:column: problem",
/// counted in the stream; a key that is there twice in a map is one, since Kubernetes' tools let the last one win.
[[nodiscard]] std::expected<std::vector<YamlDocument>, std::string> read_documents(std::string_view stream);

/// The document with another value. Lines that say what they said before stay as they are, with their comments; where
/// that cannot be, as in flow style or where an alias would lead nowhere, all is written anew and only comments above
/// the first key stay.
[[nodiscard]] std::string rewritten(const YamlDocument& document, const json::value& value);

}  // namespace pillion::inject
