#pragma once
// Whether an upstream server is Pillion itself. Pure.

#include <string>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

/// What is wrong where a query to `server` would come back to one of `listeners` (same port; same address, or both on
/// this machine by loopback and wildcard addresses); empty where it would not. What other addresses this machine has is
/// not known here. Listeners on `::` take IPv6 only, as they are bound.
[[nodiscard]] std::string check_not_own(const Endpoint& server, const std::vector<Endpoint>& listeners);

}  // namespace pillion::config
