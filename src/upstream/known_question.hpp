#pragma once
// A question that a server has answered quickly, for probes to ask again. Pure.

#include <memory>
#include <utility>

#include "dns/message.hpp"

namespace pillion::upstream {

/// The last question that any server of a group has answered quickly. The servers of a group share it.
struct GroupQuestion {
  dns::Buffer query;  ///< header and question; empty while no server has answered
};

/// Not every server knows the root's name servers: one without Internet access answers only for its own zones. A
/// question that the server answered with authority needs no forwarder, and is not replaced by one that it may have
/// had in its cache. A server that has answered nothing yet is asked what another one of its group has answered.
class KnownQuestion {
 public:
  /// `prefers_root`: probes ask for the root's name servers, and for a client's name only after a connection that had
  /// to prove itself was not answered for the root.
  explicit KnownQuestion(std::shared_ptr<GroupQuestion> group, bool prefers_root)
      : group_(std::move(group)), prefers_root_(prefers_root), asks_root_(prefers_root) {}

  /// `query` is the header and question that the server has answered.
  void learn(dns::Bytes query, bool is_authoritative) {
    group_->query.assign(query.begin(), query.end());
    if (is_authoritative_ && !is_authoritative) return;
    query_.assign(query.begin(), query.end());
    is_authoritative_ = is_authoritative;
    if (!prefers_root_) asks_root_ = false;
  }
  /// A probe was not answered, so that the next one asks another question. `had_to_prove` is true if nothing else had
  /// been sent on the connection. On any other connection, another query began the silence.
  void unanswered(bool had_to_prove) {
    if (had_to_prove || !prefers_root_) asks_root_ = !asks_root_;
  }
  /// The question for a probe; empty: the root's name servers.
  [[nodiscard]] dns::Bytes query() const {
    if (asks_root_) return {};
    return query_.empty() ? group_->query : query_;
  }
  /// Takes over what another object knows about the same server, whose group may be another one.
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
