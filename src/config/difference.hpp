#pragma once
// How two configurations differ, for the log. Pure.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::config {

inline constexpr std::size_t max_difference_lines = 100;

/// What stands in one of two texts of to_yaml() alone, in the order of the documents:
///
///     - upstreams.public.timeout: 4s
///     + upstreams.public.timeout: 5s
///     + routes[zone: "db.internal"].records[]: "www 300 IN A 192.0.2.1"
///
/// At most `max_difference_lines` and one, which says how many more there are. Takes time and memory in proportion to
/// the texts, whatever they hold; where more than some hundred lines differ, lines that only moved are not told.
[[nodiscard]] std::vector<std::string> difference(std::string_view before, std::string_view after);

}  // namespace pillion::config
