#pragma once
// Makes the events of a trace that have several members. Pure.

#include <string>
#include <vector>

#include "config/config.hpp"
#include "upstream/members.hpp"
#include "upstream/query.hpp"
#include "upstream/trace.hpp"

namespace pillion::upstream::trace {

/// The Extended DNS Errors in a sequence of EDNS options.
[[nodiscard]] std::vector<SaidError> errors_of(dns::Bytes options);
/// Counts the records of the answer section, and reads the errors of the OPT record.
[[nodiscard]] Replied replied(std::string server, const Reply& reply);
/// The event of a query that `connection` is about to get.
[[nodiscard]] Sent sent(std::string server, config::Protocol protocol, const Member& connection, runtime::Time now);

}  // namespace pillion::upstream::trace
