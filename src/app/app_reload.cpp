// Applies a plan. This runs on the reloader's thread, which waits for the shards.

#include <algorithm>
#include <iterator>
#include <utility>

#include <boost/asio/post.hpp>

#include "app/app.hpp"
#include "app/bind_addresses.hpp"
#include "app/replies.hpp"
#include "app/supervised_worker.hpp"

namespace pillion::app {
namespace asio = boost::asio;

namespace {

/// How long a new generation's connections have to open before the generation is used anyway.
constexpr std::chrono::seconds warm_patience{1};

constexpr const char* stopping = "Pillion is stopping, or has no memory left";

std::vector<config::Endpoint> missing_in(const std::vector<config::Endpoint>& addresses,
                                         const std::vector<config::Endpoint>& others) {
  std::vector<config::Endpoint> missing;
  std::ranges::copy_if(addresses, std::back_inserter(missing),
                       [&](const auto& address) { return std::ranges::find(others, address) == others.end(); });
  return missing;
}

std::vector<int> descriptors_of(const std::vector<std::vector<server::ListenAddress>>& addresses) {
  std::vector<int> descriptors;
  for (const auto& shard : addresses) {
    for (const auto& [endpoint, bound] : shard)
      descriptors.insert(descriptors.end(), {bound.udp.get(), bound.tcp.get()});
  }
  return descriptors;
}

}  // namespace

void App::reload_from(const std::filesystem::path& file, const config::Loaded& loaded) {
  // The hash ignores limits that the process has lowered.
  auto as_read = std::make_shared<Plan>(*plan_);
  as_read->hash = hash_of(loaded.config);
  plan_ = applied_ = std::move(as_read);
  exporter_->replace(metric_sources(*plan_, metrics_));
  if (admin_) {
    admin_->set_file(file.string());
    admin_->replace(config_view(plan_));
  }
  reloader_ = std::make_unique<Reloader>(
      file, loaded, plan_, handover_.outcome, log_, reloads_,
      ReloadHooks{.apply = [this](const auto& plan, const auto& cancelled) { return apply(plan, cancelled); },
                  .is_reachable = [this](std::string_view upstream) { return is_reachable(upstream); }});
}

/// Makes every shard prepare its generation with its part of `added`. Returns why one could not, or nullopt. Called on
/// the reloader's thread.
std::optional<std::string> App::prepare(const std::shared_ptr<const Plan>& plan,
                                        std::vector<std::vector<server::ListenAddress>> added,
                                        const std::atomic<bool>& cancelled) {
  Replies<std::optional<std::string>> prepared(shards_.size());
  for (std::size_t i = 0; i < shards_.size(); ++i)
    shards_[i]->prepare(plan, std::move(added[i]), warm_patience, prepared.reply(i));
  const auto errors = prepared.wait(cancelled);
  if (!errors) return std::string(stopping);
  const auto failed = std::ranges::find_if(*errors, [](const auto& error) { return error.has_value(); });
  return failed == errors->end() ? std::nullopt : *failed;
}

/// The addresses that an earlier reload has removed and from which a shard still answers; nullopt if Pillion is
/// stopping. They can be bound. Called on the reloader's thread.
std::optional<std::vector<config::Endpoint>> App::released_addresses(const std::atomic<bool>& cancelled) {
  Replies<std::vector<config::Endpoint>> replies(shards_.size());
  for (std::size_t i = 0; i < shards_.size(); ++i) shards_[i]->let_take_back(replies.reply(i));
  const auto of_shards = replies.wait(cancelled);
  if (!of_shards) return std::nullopt;
  std::vector<config::Endpoint> all;
  for (const auto& addresses : *of_shards) all.insert(all.end(), addresses.begin(), addresses.end());
  return all;
}

/// Applies the plan: every shard has prepared its generation before any shard uses one. Called on the reloader's
/// thread.
std::expected<ListenAddresses, std::string> App::apply(const std::shared_ptr<const Plan>& plan,
                                                       const std::atomic<bool>& cancelled) {
  const auto missing = missing_in(plan->config.dns.listen, applied_->config.dns.listen);
  std::vector<config::Endpoint> released;
  if (!missing.empty()) {
    auto addresses = released_addresses(cancelled);
    if (!addresses) return std::unexpected(stopping);
    released = std::move(*addresses);
  }
  auto bound = bind_addresses(missing, shards_.size(), released);
  std::vector<DnsAddress> added;
  for (const auto& [endpoint, address] : bound.front())
    added.push_back({.configured = endpoint, .bound = {address.address.to_string(), address.port}});
  const auto sockets = descriptors_of(bound);
  // Before the shards own the sockets and may close them.
  for (const int socket : sockets) hand_to_supervisor(handover_, socket);
  if (auto error = prepare(plan, std::move(bound), cancelled)) {
    for (const auto& shard : shards_) shard->discard();
    for (const int socket : sockets) release_socket(handover_, socket);
    return std::unexpected(std::move(*error));
  }
  using Committed = std::optional<std::vector<GroupMetrics>>;
  Replies<Committed> committed(shards_.size());
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shards_[i]->commit([this](int socket) { release_socket(handover_, socket); },
                       [reply = committed.reply(i)](const ShardUpstreams* upstreams) {
                         reply(upstreams == nullptr ? Committed() : metrics_of(*upstreams));
                       });
  }
  auto replies = committed.wait(cancelled);
  // A drain that has begun meanwhile uses the old generation. Its counters are not those of the new plan's servers.
  if (!replies || std::ranges::any_of(*replies, [](const Committed& each) { return !each; }))
    return std::unexpected(stopping);
  ShardMetrics metrics;
  for (auto& each : *replies) metrics.push_back(std::move(*each));
  for (const auto& address : added) {
    log_.info("listening for DNS", {{"address", config::to_string(address.bound)}, {"transports", "udp tcp"}});
    dns_addresses_.push_back(address);
  }
  for (const auto& gone : missing_in(applied_->config.dns.listen, plan->config.dns.listen)) {
    const auto address = std::ranges::find(dns_addresses_, gone, &DnsAddress::configured);
    log_.info("no longer listening for DNS", {{"address", config::to_string(address->bound)}});
    dns_addresses_.erase(address);
  }
  applied_ = plan;
  metrics_ = std::move(metrics);
  asio::post(shards_.front()->loop().io(), [this, plan] { plan_ = plan; });
  if (http_) {
    http_->post([this, plan, sources = metric_sources(*plan, metrics_), texts = dns_texts()] {
      exporter_->replace(sources);
      dns_texts_ = texts;
      if (admin_) admin_->replace(config_view(plan));
    });
  }
  log_.set_level(static_cast<runtime::LogLevel>(plan->config.log.level));
  return listen_addresses();
}

/// Called on the reloader's thread.
bool App::is_reachable(std::string_view upstream) const {
  const auto& upstreams = applied_->config.upstreams;
  const auto known = std::ranges::find(upstreams, upstream, &config::Upstream::name);
  if (known == upstreams.end()) return false;
  const auto index = static_cast<std::size_t>(known - upstreams.begin());
  return std::ranges::any_of(metrics_, [&](const auto& shard) {
    return std::ranges::any_of(shard[index].servers, [](const auto& server) { return server->up.value() != 0; });
  });
}

}  // namespace pillion::app
