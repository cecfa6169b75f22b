#pragma once
// The answer as this client may have it: its id, its letter case, its EDNS, its size. Pure.

#include <cstddef>

#include "dns/query.hpp"
#include "dns/response.hpp"
#include "resolve/request.hpp"

namespace pillion::server {

struct Composed {
  std::uint16_t rcode = 0;  ///< 12 bits
  bool truncated = false;
};

/// Appends the answer to `out`. `limit` in bytes, at least 512, is the most that the client can take; what is longer
/// loses the upstream's Extended DNS Errors, then records from its end, and has TC where these were more than
/// additional ones (RFC 2181 9).
Composed compose_answer(const resolve::Answer& answer, const dns::QueryView& query, const dns::OurEdns& ours,
                        std::size_t limit, dns::Buffer& out);

}  // namespace pillion::server
