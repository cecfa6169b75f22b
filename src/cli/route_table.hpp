#pragma once
// The routes of a configuration as a table for people.

#include <string>

#include "config/config.hpp"

namespace pillion::cli {

/// A table in YAML comments. Zones with more labels come first; zones with equally many are ordered by name:
///
///     # zone                          answered by  protocol  servers
///     # 10.0.0.0/8 (10.in-addr.arpa)  cluster      udp       10.96.0.10:53
///     # cluster.local                 cluster      udp       10.96.0.10:53
///     # db.internal                   12 records
///     # .                             public       tls       1.1.1.1:853, 9.9.9.9:853
[[nodiscard]] std::string route_table(const config::Config& config);

}  // namespace pillion::cli
