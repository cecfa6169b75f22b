#pragma once
// The annotation that marks a pod with Pillion, and lists what was added to the pod.

#include <algorithm>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace pillion::inject {

namespace json = boost::json;

/// Prefix of the name of a Secret that was added to imagePullSecrets.
inline constexpr std::string_view pull_secret_mark = "pullSecret:";
/// The pod had its own list of name servers, which was empty.
inline constexpr std::string_view empty_name_servers_mark = "had:nameservers";
/// Prefix of the value of the pod's own label pillion.dev/sidecar.
inline constexpr std::string_view own_label_mark = "had:sidecar=";

struct Marker {
  std::string version;  ///< version of the program or chart that wrote the marker
  /// The parts that were added ("labels", "dnsConfig" and the like, and keys of annotations), in the order of their
  /// addition. Also what was replaced ("had:..."), which is rare.
  std::vector<std::string> added;
  std::size_t searches = 0;  ///< the number of searches in front of dnsConfig's that were added
  std::size_t options = 0;

  [[nodiscard]] bool has(std::string_view what) const { return std::ranges::find(added, what) != added.end(); }
};

/// The marker as JSON with sorted keys and without spaces. The chart writes the same.
[[nodiscard]] std::string to_text(const Marker& marker);

/// The pod's marker, or nullopt if it has none. The error says what is wrong with it.
[[nodiscard]] std::expected<std::optional<Marker>, std::string> find_marker(const json::value& pod);

}  // namespace pillion::inject
