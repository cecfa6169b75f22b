#pragma once
// One upstream group: sends each query to a server of the policy's choice, and to another when that one fails, within
// the query's budget.

#include <memory>
#include <string>
#include <vector>

#include "dns/query.hpp"
#include "resolve/exchange.hpp"
#include "resolve/group.hpp"
#include "resolve/request.hpp"
#include "runtime/loop.hpp"
#include "runtime/slab.hpp"
#include "upstream/policy.hpp"
#include "upstream/pool.hpp"

namespace pillion::resolve {

/// One server of a group. `tcp` is where a truncated UDP answer is asked for again (RFC 7766 section 5); nullptr for
/// the stream protocols.
struct GroupServer {
  std::unique_ptr<upstream::Pool> pool;
  std::unique_ptr<upstream::Pool> tcp;
};

class Failover final : public Group {
 public:
  /// Queries under way in one group of one shard.
  static constexpr std::size_t max_exchanges = 16'384;

  Failover(runtime::Loop& loop, const config::Upstream& settings, std::vector<GroupServer> servers);

  void start() override;
  void resolve(const dns::QueryView& query, Request& request) override;
  void stop() override;
  [[nodiscard]] bool is_stopped() const override;
  [[nodiscard]] bool is_warm() const override;
  [[nodiscard]] bool is_down() const override;

 private:
  friend class Exchange;
  void replied(Exchange& exchange, const upstream::Reply& reply);
  void failed(Exchange& exchange, upstream::Error error);
  void expired(Exchange& exchange, runtime::Time now);

  [[nodiscard]] upstream::Pool& pool_of(const Exchange& exchange);
  bool send(Exchange& exchange, runtime::Time now);
  void send_or_fail(Exchange& exchange, runtime::Time now);
  void give_up(Exchange& exchange);
  void release(Exchange& exchange);

  runtime::Loop& loop_;
  config::Protocol protocol_;
  Source source_;
  runtime::Duration budget_;
  runtime::Duration attempt_;  // one server's share of it
  std::vector<GroupServer> servers_;
  std::vector<const upstream::Health*> health_;
  upstream::Policy policy_;
  runtime::Slab<Exchange> exchanges_{max_exchanges};
};

}  // namespace pillion::resolve
