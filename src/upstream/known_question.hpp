#pragma once
// A question that a server has shown to answer at once, for probes to ask it again. Pure.

#include "dns/message.hpp"

namespace pillion::upstream {

/// Not every server in the clear has the root's name servers at hand: a cluster's DNS may have to ask a forwarder that
/// has no way to the Internet. What it answered with authority needs no forwarder, and is not given up for what it may
/// only have had in its cache.
class KnownQuestion {
 public:
  /// `query`: header and question, as they were asked.
  void learn(dns::Bytes query, bool is_authoritative) {
    if (is_authoritative_ && !is_authoritative) return;
    query_.assign(query.begin(), query.end());
    is_authoritative_ = is_authoritative;
    is_in_doubt_ = false;
  }
  /// A probe was not answered: the next one asks something else.
  void unanswered() { is_in_doubt_ = !is_in_doubt_; }
  /// What a probe is to ask; empty: for the root's name servers.
  [[nodiscard]] dns::Bytes query() const { return is_in_doubt_ ? dns::Bytes() : dns::Bytes(query_); }

 private:
  dns::Buffer query_;
  bool is_authoritative_ = false;
  bool is_in_doubt_ = false;
};

}  // namespace pillion::upstream
