#pragma once
// Writes JSON as YAML in block style that readers of YAML 1.1 and 1.2 read as the same JSON.

#include <string>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// The YAML text, members in their order, with a line break at the end.
[[nodiscard]] std::string to_yaml(const json::value& value);

}  // namespace pillion::inject
