#pragma once
// One upstream group: its servers, and the exchanges in progress with them.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/query.hpp"
#include "resolve/exchange.hpp"
#include "resolve/group.hpp"
#include "resolve/hedge_budget.hpp"
#include "resolve/request.hpp"
#include "runtime/memory.hpp"
#include "runtime/schedule.hpp"
#include "runtime/slab.hpp"
#include "upstream/channel.hpp"
#include "upstream/policy.hpp"

namespace pillion::resolve {

class Failover final : public Group, Servers {
 public:
  /// The most exchanges in progress in one group of one shard.
  static constexpr std::size_t max_exchanges = 16'384;

  /// `servers` are in the order of the configuration. The exchanges take their bytes from `memory`, which must outlive
  /// this. `random` is as Policy takes it.
  Failover(runtime::Schedule& schedule, const config::Upstream& settings,
           std::vector<std::unique_ptr<upstream::Channel>> servers, runtime::MemoryShare& memory,
           std::function<double()> random);

  void start() override;
  void resolve(const dns::QueryView& query, Request& request) override;
  void stop() override;
  [[nodiscard]] bool is_stopped() const override;
  [[nodiscard]] bool is_idle() const override { return exchanges_.in_use() == 0; }
  [[nodiscard]] bool trim() override;
  [[nodiscard]] bool is_warm() const override;
  [[nodiscard]] bool is_down() const override;
  [[nodiscard]] std::optional<runtime::Time> recovered_at() const override { return recovered_at_; }

 private:
  [[nodiscard]] std::optional<std::size_t> choose(upstream::ServerSet tried, bool only_responsive) override;
  [[nodiscard]] std::optional<upstream::Error> submit(Attempt& attempt, runtime::Time now) override;
  [[nodiscard]] std::optional<upstream::Error> trouble_of(std::size_t server) const override;
  [[nodiscard]] std::optional<runtime::Duration> slow_after(std::size_t server) const override;
  [[nodiscard]] bool take_hedge(std::size_t server) override;
  void give_hedge_back() override { hedges_.give_back(); }
  void hedged(std::size_t server, bool has_won) override;
  void timed_out(std::size_t server) override;
  [[nodiscard]] std::string_view name_of(std::size_t server) const override;
  [[nodiscard]] upstream::trace::ServerChosen explain(std::size_t server, upstream::ServerSet tried) const override;
  void ended(Exchange& exchange) override;
  void count(std::size_t server, upstream::Hedge result);

  std::vector<AnsweringServer> names_;  // in the order of servers_
  ExchangeTerms terms_;
  bool may_hedge_;
  HedgeBudget hedges_;
  std::optional<runtime::Time> recovered_at_;
  std::vector<std::unique_ptr<upstream::Channel>> servers_;
  std::vector<const upstream::Health*> health_;
  upstream::Policy policy_;
  runtime::MemoryShare& memory_;
  runtime::Slab<Exchange> exchanges_;
};

}  // namespace pillion::resolve
