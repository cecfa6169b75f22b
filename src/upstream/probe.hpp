#pragma once
// The question that shows whether a connection is alive: the root's name servers, which every resolver has at hand, or
// what this server is known to answer (KnownQuestion).

#include "dns/response.hpp"
#include "upstream/query.hpp"

namespace pillion::upstream {

/// Belongs to the connection that it is sent on, of which nobody else waits for the answer.
class Probe final : public Query {
 public:
  /// `known`: header and question; empty: for the root's name servers. None may be under way.
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
