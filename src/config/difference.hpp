#pragma once
// The difference of two configurations, for the log. Pure.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::config {

inline constexpr std::size_t max_difference_lines = 100;

/// The lines that only one of two texts of to_yaml() has, in the order of the documents:
///
///     - upstreams.public.timeout: 4s
///     + upstreams.public.timeout: 5s
///     + routes[zone: "db.internal"].records[]: "www 300 IN A 192.0.2.1"
///
/// Returns at most `max_difference_lines` lines and one more, which says how many were left out. Time and memory grow
/// linearly with the length of the texts. If more than 500 lines differ, lines that only moved are left out.
[[nodiscard]] std::vector<std::string> difference(std::string_view before, std::string_view after);

}  // namespace pillion::config
