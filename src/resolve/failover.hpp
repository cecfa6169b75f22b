#pragma once
// One upstream group: its servers' pools, and the exchanges that are under way with them.

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

class Failover final : public Group, Servers {
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
  [[nodiscard]] std::optional<std::size_t> choose(upstream::ServerSet tried, bool only_usable) override;
  [[nodiscard]] std::optional<upstream::Error> submit(Attempt& attempt, runtime::Time now) override;
  [[nodiscard]] std::optional<upstream::Error> trouble_of(std::size_t server) const override;
  [[nodiscard]] std::string_view name_of(std::size_t server) const override;
  void ended(Exchange& exchange) override;

  ExchangeTerms terms_;
  std::vector<GroupServer> servers_;
  std::vector<const upstream::Health*> health_;
  upstream::Policy policy_;
  runtime::Slab<Exchange> exchanges_{max_exchanges};
};

}  // namespace pillion::resolve
