#pragma once
// A stream of YAML documents, each as its original text and as JSON.

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

struct YamlDocument {
  std::string text;   ///< the whole text, including the line that begins the document
  json::value value;  ///< null if the document is empty
};

/// The documents. Their texts together are the stream. Aliases and merge keys ("<<") are resolved. The error is
/// "line:column: problem", counted in the whole stream. A repeated key in a map is an error, since Kubernetes' tools
/// would silently use the last one.
[[nodiscard]] std::expected<std::vector<YamlDocument>, std::string> read_documents(std::string_view stream);

/// The document with another value. Lines whose meaning does not change stay as they are, with their comments. If that
/// is impossible, as in flow style or with aliases, the whole document is written anew, and only the comments above
/// the first key stay.
[[nodiscard]] std::string rewritten(const YamlDocument& document, const json::value& value);

}  // namespace pillion::inject
