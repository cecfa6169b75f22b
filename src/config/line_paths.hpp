#pragma once
// The lines of a configuration, each with the path of its keys. Pure.

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::config {

/// Each path once. The address of a path does not change.
using PathSet = std::set<std::string, std::less<>>;

/// A line that holds a value. Two lines of one PathSet are equal if both members are: the set has each path once, so
/// that comparing addresses is enough.
struct ValueLine {
  const std::string* path = nullptr;  ///< "upstreams.public.timeout", "routes[]"
  std::string_view value;             ///< "4s", "{zone: \".\", upstream: public}"
  friend bool operator==(const ValueLine&, const ValueLine&) = default;
};

/// The values of a text that to_yaml() printed, in its order. Such a text has block mappings and lists indented by two
/// spaces, and everything else on one line. The result views `yaml` and `paths`, to which the function adds paths.
[[nodiscard]] std::vector<ValueLine> value_lines(std::string_view yaml, PathSet& paths);

}  // namespace pillion::config
