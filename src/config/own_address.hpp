#pragma once
// Detects an upstream server that is Pillion itself. Pure.

#include <string>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

/// Returns what is wrong if a query to `server` would come back to one of `listeners`: the ports are equal, and the
/// addresses are equal, or they reach each other by loopback and wildcard. Empty if it would not. This function does
/// not know the machine's other addresses. A listener on `::` takes only IPv6, as Pillion binds it.
[[nodiscard]] std::string check_not_own(const Endpoint& server, const std::vector<Endpoint>& listeners);

}  // namespace pillion::config
