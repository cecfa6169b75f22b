#pragma once
// Answers that no resolver should give.

#include "support/dot_server.hpp"

namespace pillion::test {

/// Turns a good answer into what `reply` says. `message` is whole, without a length prefix.
void spoil(dns::Buffer& message, QueryFault::Reply reply);

}  // namespace pillion::test
