#pragma once
// The events of a trace that are made of more than a name. Pure.

#include <string>
#include <vector>

#include "config/config.hpp"
#include "upstream/members.hpp"
#include "upstream/query.hpp"
#include "upstream/trace.hpp"

namespace pillion::upstream::trace {

/// The Extended DNS Errors among whole EDNS options.
[[nodiscard]] std::vector<SaidError> errors_of(dns::Bytes options);
/// A message's answer section is counted; the OPT record says its errors.
[[nodiscard]] Replied replied(std::string server, const Reply& reply);
/// Of a query that `connection` is about to be given.
[[nodiscard]] Sent sent(std::string server, config::Protocol protocol, const Member& connection, runtime::Time now);

}  // namespace pillion::upstream::trace
