#pragma once
// The search list of a resolv.conf file (resolv.conf(5)). Pure.

#include <expected>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace pillion::config {

/// What the text says about the search list, as the C library reads it: the last `search` or `domain` line that has a
/// value wins, `domain` being a list of one; `options ndots:N` counts up to 15 and is 1 where it is not given. A domain
/// that comes twice, and the root, are left out. All else in the file is passed over. The error names the line and what
/// is wrong: a domain that is not a name, more than 32 of them, or an N that is not a number.
[[nodiscard]] std::expected<Search, std::string> parse_resolv_conf(std::string_view text);

}  // namespace pillion::config
