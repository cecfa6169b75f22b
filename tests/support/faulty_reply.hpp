#pragma once
// Faulty answers.

#include "support/dot_server.hpp"

namespace pillion::test {

/// Changes a good answer into the faulty one that `reply` chooses. `message` is whole, without a length prefix.
void spoil(dns::Buffer& message, QueryFault::Reply reply);

}  // namespace pillion::test
