#include "app/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

#include "http/http_server.hpp"
#include "telemetry/process_stats.hpp"
#include "upstream/pool.hpp"

namespace pillion::app {
namespace {

constexpr std::size_t of_loop = 3;      // epoll, timer, wake-up
constexpr std::size_t of_listener = 3;  // UDP, TCP, the spare one
constexpr std::size_t of_http_listener = 1;
constexpr std::size_t of_signals = 2;
constexpr std::size_t of_reloads = of_loop + 2;  // inotify, and the file of the reload outcome
constexpr std::size_t fewest_http_connections = 2;

/// The connections of a pool: those that take queries, those for suspects, and as many that replace others or end.
std::size_t connections_of_pool() {
  constexpr upstream::PoolSettings pool;
  return pool.max_connections + pool.max_lanes + pool.max_handshakes;
}

std::size_t fewest_http(const DescriptorNeeds& needs) {
  return needs.has_http ? fewest_http_connections : 0;
}

}  // namespace

DescriptorNeeds descriptor_needs(const config::Config& config, std::size_t already_open) {
  std::size_t pools = 0;
  for (const auto& upstream : config.upstreams) {
    // A server that is asked over UDP has a second pool for TCP.
    pools += upstream.servers.size() * (upstream.protocol == config::Protocol::udp ? 2 : 1);
  }
  const std::size_t threads = config.threads;
  const bool has_http = !config.http.listen.empty();
  DescriptorNeeds needs;
  needs.open = already_open + of_signals + of_reloads + threads * (of_loop + of_listener * config.dns.listen.size());
  const bool has_admin = !config.admin.listen.empty();
  if (has_http || has_admin) needs.open += of_loop + of_http_listener * config.http.listen.size();
  if (has_admin) needs.open += of_http_listener * config.admin.listen.size() + admin_connections;
  needs.accepts = threads + (has_http ? 2 : 0) + (has_admin ? 1 : 0);
  needs.pools = threads * pools;
  needs.upstreams = needs.pools * connections_of_pool();
  needs.has_http = has_http;
  return needs;
}

std::size_t wanted_descriptors(const DescriptorNeeds& needs, std::size_t max_connections) {
  const auto of_http = needs.has_http ? http::HttpServerOptions{}.max_connections : 0;
  return needs.open + needs.accepts + needs.upstreams + of_http + max_connections;
}

std::expected<DescriptorShares, std::string> share_descriptors(const DescriptorNeeds& needs, std::size_t limit,
                                                               std::size_t max_connections) {
  const auto fewest = needs.pools + fewest_http(needs);
  const auto least = needs.open + needs.accepts + fewest + 1;
  if (limit < least) {
    return std::unexpected("the limit of open files (RLIMIT_NOFILE) is " + std::to_string(limit) +
                           "; this configuration needs at least " + std::to_string(least));
  }
  const auto free = limit - needs.open - needs.accepts;
  const auto of_http = needs.has_http ? http::HttpServerOptions{}.max_connections : 0;
  if (free >= needs.upstreams + of_http + max_connections)
    return DescriptorShares{.connections = max_connections, .http_connections = of_http};
  const auto kept = std::clamp(free / 2, fewest, std::max(fewest, needs.upstreams + of_http));
  return DescriptorShares{.connections = std::min(max_connections, free - kept),
                          .http_connections = std::clamp(kept / 4, fewest_http(needs), of_http)};
}

std::expected<DescriptorShares, std::string> share_descriptors(const config::Config& config,
                                                               std::size_t listeners_open) {
  constexpr std::size_t standard_streams = 3;  // if /proc is not readable
  const auto open = static_cast<std::size_t>(telemetry::read_process_stats().open_descriptors);
  const auto needs = descriptor_needs(config, std::max(open - std::min(open, listeners_open), standard_streams));
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  const auto wanted = std::min<rlim_t>(limit.rlim_max, wanted_descriptors(needs, config.dns.max_connections));
  if (limit.rlim_cur < wanted) {
    const rlimit raised{.rlim_cur = wanted, .rlim_max = limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit.rlim_cur = wanted;
  }
  const auto allowed = std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<std::uint32_t>::max());
  return share_descriptors(needs, allowed, config.dns.max_connections);
}

}  // namespace pillion::app
