#pragma once
// The question that tests whether a connection is alive: the root's name servers, which every resolver knows, or a
// question that this server has answered (KnownQuestion).

#include "dns/response.hpp"
#include "upstream/query.hpp"

namespace pillion::upstream {

/// Belongs to the connection that it is sent on. No one else waits for its answer.
class Probe final : public Query {
 public:
  /// `known` is a header and question; empty: the root's name servers. The probe must not be in flight.
  void ask(dns::Bytes known) {
    message.assign(known.begin(), known.end());
    constexpr std::uint8_t root = 0;
    if (known.empty())
      dns::append_query(message, 0, dns::flag::rd, dns::Bytes(&root, 1), dns::type::ns, dns::klass::in);
    is_under_way = true;
  }
  void replied(const Reply& /*reply*/) override { is_under_way = false; }
  void failed(Error /*error*/) override { is_under_way = false; }

  bool is_under_way = false;
};

}  // namespace pillion::upstream
