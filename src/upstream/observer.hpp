#pragma once
// The interface through which dnstap receives the messages of upstream servers.

#include "dns/wire.hpp"
#include "runtime/clock.hpp"

namespace pillion::upstream {

/// Observes one server. The shard's thread calls these while it handles a connection. They must neither wait nor throw.
class MessageObserver {
 public:
  MessageObserver() = default;
  MessageObserver(const MessageObserver&) = delete;
  MessageObserver& operator=(const MessageObserver&) = delete;
  virtual ~MessageObserver() = default;

  /// `query` is the message as sent, with Pillion's EDNS. `now` is the time of the turn.
  virtual void sent(dns::Bytes query, runtime::Time now) = 0;
  /// `reply` is the message as received. `sent` is the time at which its query was sent.
  virtual void received(dns::Bytes reply, runtime::Time sent, runtime::Time now) = 0;
};

}  // namespace pillion::upstream
