#include "app/upstreams.hpp"

#include <algorithm>
#include <utility>

#include "config/network.hpp"
#include "resolve/failover.hpp"
#include "upstream/datagram_channel.hpp"
#include "upstream/make_connection.hpp"
#include "upstream/pool.hpp"

namespace pillion::app {
namespace {

/// What the pools for one server share.
struct ServerContext {
  runtime::Loop& loop;
  const config::Upstream& settings;
  const config::Server& server;
  std::shared_ptr<upstream::GroupQuestion> question;
  const MakeMessageObserver& make_observer;
  std::shared_ptr<upstream::EdnsSupport> edns = std::make_shared<upstream::EdnsSupport>();
};

std::unique_ptr<upstream::Pool> make_pool(const ServerContext& of, config::Protocol protocol, upstream::TlsContext* tls,
                                          upstream::ServerMetrics& metrics) {
  auto& loop = of.loop;
  const bool encrypted = protocol == config::Protocol::tls;
  const auto access = std::make_shared<upstream::ServerAccess>(of.server, protocol, of.settings.padding, tls);
  if (of.make_observer) access->observer = of.make_observer(of.server.endpoint, protocol);
  auto make = [&loop, access](upstream::ConnectionEvents& events, upstream::ServerProfile& profile) {
    return upstream::make_connection(loop, *access, events, profile);
  };
  // The TCP pool of a UDP server does not decide whether the server is up.
  const bool says_up = protocol == of.settings.protocol;
  return std::make_unique<upstream::Pool>(
      upstream::PoolContext{.schedule = loop, .log = loop.log(), .random = [&loop] { return loop.random().unit(); }},
      upstream::ServerReport(loop.log(), metrics, of.settings.name, config::to_string(of.server.endpoint), says_up),
      // A TLS server should not see a client's name again without need.
      upstream::ServerProfile(
          of.edns,
          upstream::KnownQuestion(says_up ? of.question : std::make_shared<upstream::GroupQuestion>(), encrypted)),
      upstream::PoolSettings{.protocol = protocol}, std::move(make));
}

/// The first zone that is routed to the upstream; empty if none is.
std::string probe_zone_of(const config::Config& config, const std::string& upstream) {
  const auto zones = config::routed_zones(config.routes);
  const auto leads_to_it = [&](const config::RoutedZone& each) {
    return config.routes[each.route].upstream == upstream;
  };
  const auto zone = std::ranges::find_if(zones, leads_to_it);
  return zone == zones.end() ? std::string{} : zone->zone;
}

std::shared_ptr<const GroupParts> make_parts(const Plan& plan, std::size_t index, ServerMetricsTable& table) {
  auto parts = std::make_shared<GroupParts>();
  parts->settings = plan.config.upstreams[index];
  parts->tls = plan.tls[index];
  parts->probe_zone = probe_zone_of(plan.config, parts->settings.name);
  for (const auto& server : parts->settings.servers) {
    const auto find = [&](char kind) {
      return table.find(parts->settings.name, config::to_string(server.endpoint), kind);
    };
    parts->metrics.servers.push_back(find('s'));
    if (parts->settings.protocol == config::Protocol::udp) parts->metrics.fallbacks.push_back(find('f'));
  }
  return parts;
}

/// True if the group that was made from `parts` is the same as that of `plan` at `index`.
bool is_as_planned(const GroupParts& parts, const Plan& plan, std::size_t index) {
  const auto& settings = plan.config.upstreams[index];
  const bool has_same_probe =
      parts.settings.protocol == config::Protocol::tls || parts.probe_zone == probe_zone_of(plan.config, settings.name);
  return parts.settings == settings && parts.tls == plan.tls[index] && has_same_probe;
}

/// The present profile of a server, or nullptr if it is not asked now.
const upstream::ServerProfile* known_profile(const ShardUpstreams& current, config::Protocol protocol,
                                             const config::Server& server) {
  for (const auto& upstream : current) {
    const auto& settings = upstream.parts->settings;
    if (settings.protocol != protocol) continue;
    for (std::size_t i = 0; i < settings.servers.size(); ++i) {
      const auto& known = settings.servers[i];
      if (known.endpoint == server.endpoint && known.tls_name == server.tls_name)
        return &upstream.servers[i]->profile();
    }
  }
  return nullptr;
}

ShardUpstream make_upstream(runtime::Loop& loop, std::shared_ptr<const GroupParts> parts, std::uint64_t loop_label,
                            const ShardUpstreams& current, runtime::MemoryShare& memory,
                            const MakeMessageObserver& make_observer) {
  const auto& settings = parts->settings;
  ShardUpstream made{.parts = parts, .group = std::make_shared<resolve::UpstreamGroup>(), .servers = {}};
  std::vector<std::unique_ptr<upstream::Channel>> servers;
  const auto question = std::make_shared<upstream::GroupQuestion>();
  for (std::size_t i = 0; i < settings.servers.size(); ++i) {
    const ServerContext server{.loop = loop,
                               .settings = settings,
                               .server = settings.servers[i],
                               .question = question,
                               .make_observer = make_observer};
    auto pool = make_pool(server, settings.protocol, parts->tls.get(), *parts->metrics.servers[i]);
    if (const auto* const known = known_profile(current, settings.protocol, settings.servers[i])) pool->inherit(*known);
    if (settings.protocol != config::Protocol::udp) {
      servers.push_back(std::move(pool));
    } else {
      auto fallback = make_pool(server, config::Protocol::tcp, nullptr, *parts->metrics.fallbacks[i]);
      servers.push_back(
          std::make_unique<upstream::DatagramChannel>(loop, memory, std::move(pool), std::move(fallback)));
    }
    made.servers.push_back(servers.back().get());
    made.group->servers.push_back(config::to_string(settings.servers[i].endpoint) + ' ' + settings.servers[i].tls_name);
  }
  made.group->name = settings.name;
  made.group->encrypted = settings.protocol == config::Protocol::tls;
  made.group->group = std::make_unique<resolve::Failover>(loop, settings, std::move(servers), memory,
                                                          [&loop] { return loop.random().unit(); });
  made.group->loop_label = loop_label;
  made.group->parts = std::move(parts);
  return made;
}

}  // namespace

std::vector<GroupMetrics> metrics_of(const ShardUpstreams& upstreams) {
  std::vector<GroupMetrics> metrics;
  for (const auto& upstream : upstreams) metrics.push_back(upstream.parts->metrics);
  return metrics;
}

ShardUpstreams make_upstreams(runtime::Loop& loop, const Plan& plan, const ShardUpstreams& current,
                              runtime::MemoryShare& memory, ServerMetricsTable& metrics,
                              const MakeMessageObserver& make_observer) {
  ShardUpstreams made;
  for (std::size_t i = 0; i < plan.config.upstreams.size(); ++i) {
    const auto same =
        std::ranges::find_if(current, [&](const ShardUpstream& each) { return is_as_planned(*each.parts, plan, i); });
    made.push_back(same != current.end() ? *same
                                         : make_upstream(loop, make_parts(plan, i, metrics), plan.loop_labels[i],
                                                         current, memory, make_observer));
  }
  return made;
}

}  // namespace pillion::app
