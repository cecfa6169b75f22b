#pragma once
// Composes the answer for one client: its id, letter case, EDNS and size. Pure.

#include <cstddef>

#include "dns/query.hpp"
#include "dns/response.hpp"
#include "resolve/request.hpp"

namespace pillion::server {

struct Composed {
  std::uint16_t rcode = 0;  ///< 12 bits
  bool truncated = false;
};

/// Appends the answer to `out`. `limit` is the most bytes that the client takes, at least 512. A longer answer loses
/// the upstream's Extended DNS Errors, then records from its end. TC is set if more than additional records were lost
/// (RFC 2181 9).
Composed compose_answer(const resolve::Answer& answer, const dns::QueryView& query, const dns::OurEdns& ours,
                        std::size_t limit, dns::Buffer& out);

}  // namespace pillion::server
