#pragma once
// A question that a server has shown to answer at once, for probes to ask it again. Pure.

#include <memory>
#include <utility>

#include "dns/message.hpp"

namespace pillion::upstream {

/// What a server of a group has answered at once. The servers of a group share one.
struct GroupQuestion {
  dns::Buffer query;  ///< header and question; empty while none has answered
};

/// Not every server has the root's name servers at hand: one without a way to the Internet answers only for its own
/// zones. What it answered with authority needs no forwarder, and is not given up for what it may only have had in its
/// cache. A server that has answered nothing yet is asked what another one of its group has answered.
class KnownQuestion {
 public:
  /// `prefers_root`: a client's name is asked for only where a connection that had to prove itself for the root's name
  /// servers did not.
  explicit KnownQuestion(std::shared_ptr<GroupQuestion> group, bool prefers_root)
      : group_(std::move(group)), prefers_root_(prefers_root), asks_root_(prefers_root) {}

  /// `query`: header and question, as they were asked.
  void learn(dns::Bytes query, bool is_authoritative) {
    group_->query.assign(query.begin(), query.end());
    if (is_authoritative_ && !is_authoritative) return;
    query_.assign(query.begin(), query.end());
    is_authoritative_ = is_authoritative;
    if (!prefers_root_) asks_root_ = false;
  }
  /// A probe was not answered: the next one asks something else. `had_to_prove`: on a connection on which nothing was
  /// sent before; on any other, the silence has begun with something else.
  void unanswered(bool had_to_prove) {
    if (had_to_prove || !prefers_root_) asks_root_ = !asks_root_;
  }
  /// What a probe is to ask; empty: for the root's name servers.
  [[nodiscard]] dns::Bytes query() const {
    if (asks_root_) return {};
    return query_.empty() ? group_->query : query_;
  }
  /// Takes over what another one knows of the same server, in whichever group.
  void inherit(const KnownQuestion& known) {
    const auto group = std::exchange(*this, known).group_;
    group_ = group;
  }

 private:
  std::shared_ptr<GroupQuestion> group_;
  dns::Buffer query_;
  bool prefers_root_;
  bool asks_root_;
  bool is_authoritative_ = false;
};

}  // namespace pillion::upstream
