#pragma once
// One question on its way to an upstream group: the query itself, its budget, and the servers it has been to.

#include "runtime/deadline_heap.hpp"
#include "upstream/policy.hpp"
#include "upstream/query.hpp"

namespace pillion::resolve {

class Failover;
class Request;

class Exchange final : public upstream::Query, public runtime::Deadline {
 public:
  void replied(const upstream::Reply& reply) override;
  void failed(upstream::Error error) override;

  Failover* owner = nullptr;
  Request* request = nullptr;
  runtime::Time give_up;  ///< the end of the whole query's budget
  upstream::ServerSet tried = 0;
  std::size_t server = 0;  ///< that has it now
  bool over_tcp = false;   ///< a UDP answer was truncated: asked again over TCP
  upstream::Error last_error = upstream::Error::timeout;

 private:
  void expired(runtime::Time now) override;
};

}  // namespace pillion::resolve
