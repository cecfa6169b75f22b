#pragma once
// JSON as YAML in block style, which every reader of YAML 1.1 and 1.2 reads as the same JSON.

#include <string>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// Members in their order; a line break at the end.
[[nodiscard]] std::string to_yaml(const json::value& value);

}  // namespace pillion::inject
