#pragma once
// Hand-made messages that are not valid queries, each with the reason for which it must be refused. Used by the unit
// tests here, and by the tests of the whole program through `dump_bad_messages`.

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
