#pragma once
// Messages that are not valid queries, each with the reason for which parse_query() must refuse it. The unit tests use
// them, and through `dump_bad_messages` the tests of the whole program do.

#include <string>
#include <vector>

#include "dns/query.hpp"

namespace pillion::dns::testing {

struct BadMessage {
  std::string name;  ///< unique; letters, digits and underscores
  Buffer bytes;
  QueryError reason;
};

[[nodiscard]] std::vector<BadMessage> bad_messages();

}  // namespace pillion::dns::testing
