#pragma once
// The annotation by which a pod tells that Pillion has been put into it, and what of it was not there before.

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

/// In front of the name of a Secret that has been added to imagePullSecrets.
inline constexpr std::string_view pull_secret_mark = "pullSecret:";
/// The pod's own list of name servers, which was there and empty.
inline constexpr std::string_view empty_name_servers_mark = "had:nameservers";
/// In front of the value of the pod's own label pillion.dev/sidecar.
inline constexpr std::string_view own_label_mark = "had:sidecar=";

struct Marker {
  std::string version;  ///< of the program or chart that wrote it
  /// "labels", "dnsConfig" and the like, and keys of annotations; in the order in which they were added. Also what was
  /// there and had to give way, which is rare ("had:...").
  std::vector<std::string> added;
  std::size_t searches = 0;  ///< of dnsConfig's, the first so many
  std::size_t options = 0;

  [[nodiscard]] bool has(std::string_view what) const { return std::ranges::find(added, what) != added.end(); }
};

/// JSON, its keys sorted, without spaces: the chart writes the same.
[[nodiscard]] std::string to_text(const Marker& marker);

/// nullopt where the pod has none; the error says what is wrong with it.
[[nodiscard]] std::expected<std::optional<Marker>, std::string> find_marker(const json::value& pod);

}  // namespace pillion::inject
