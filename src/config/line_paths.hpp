#pragma once
// The lines of a configuration, each with the keys that it stands below. Pure.

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::config {

/// Each text once, at an address that stays.
using PathSet = std::set<std::string, std::less<>>;

/// A line that holds a value. Lines are equal where both parts are: paths of one set are told apart by their address.
struct ValueLine {
  const std::string* path = nullptr;  ///< "upstreams.public.timeout", "routes[]"
  std::string_view value;             ///< "4s", "{zone: \".\", upstream: public}"
  friend bool operator==(const ValueLine&, const ValueLine&) = default;
};

/// The values of a text as to_yaml() prints it, in its order: block mappings and lists indented by two spaces, all else
/// on one line. Views `yaml`, and `paths`, which it adds to.
[[nodiscard]] std::vector<ValueLine> value_lines(std::string_view yaml, PathSet& paths);

}  // namespace pillion::config
