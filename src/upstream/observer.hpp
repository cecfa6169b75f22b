#pragma once
// Who is told of the messages that go to a server and come from it: what writes them down.

#include "dns/wire.hpp"
#include "runtime/clock.hpp"

namespace pillion::upstream {

/// Of one server. Called on the thread of a shard, within its work on a connection: must neither wait nor throw.
class MessageObserver {
 public:
  MessageObserver() = default;
  MessageObserver(const MessageObserver&) = delete;
  MessageObserver& operator=(const MessageObserver&) = delete;
  virtual ~MessageObserver() = default;

  /// The query as it goes out, our EDNS included; `now` is the time of the turn.
  virtual void sent(dns::Bytes query, runtime::Time now) = 0;
  /// The reply to a query of that time, as it came.
  virtual void received(dns::Bytes reply, runtime::Time sent, runtime::Time now) = 0;
};

}  // namespace pillion::upstream
