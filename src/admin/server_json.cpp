#include "admin/server_json.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>

namespace pillion::admin {
namespace json = boost::json;

namespace {

constexpr runtime::EnumArray<upstream::ConnectionState, std::string_view, 9> connection_words = {
    "connecting", "handshaking", "proving", "ready", "silent", "retiring", "draining", "closing", "closed"};
static_assert(connection_words[upstream::ConnectionState::closed] == "closed");

/// The facts of one server, merged from all shards.
struct Merged {
  bool is_known = false;
  bool is_tried = false;
  bool is_up = false;
  bool is_silent = true;  // True if the server is silent on every shard that finds it up
  bool knows_edns = true;
  bool writes_singly = false;
  upstream::LatencySketch latencies;
  std::optional<runtime::Duration> latency;
  std::optional<runtime::Duration> idle_timeout;
  std::optional<std::uint64_t> query_limit;
  std::optional<upstream::LastHandshake> last_handshake;
  std::optional<upstream::LastFailure> last_failure;
};

template <typename Timed>
void take_newer(std::optional<Timed>& newest, const std::optional<Timed>& other) {
  if (other && (!newest || newest->at < other->at)) newest = other;
}

template <typename Value>
void take_least(std::optional<Value>& least, const std::optional<Value>& other) {
  if (other) least = std::min(least.value_or(*other), *other);
}

void merge(Merged& merged, const upstream::ServerFacts& facts) {
  merged.is_known = true;
  merged.is_tried = merged.is_tried || facts.is_tried;
  merged.is_up = merged.is_up || facts.is_up;
  if (facts.is_up) merged.is_silent = merged.is_silent && facts.is_silent;
  merged.knows_edns = merged.knows_edns && facts.knows_edns;
  merged.writes_singly = merged.writes_singly || facts.writes_singly;
  merged.latencies.add(facts.latencies);
  if (facts.latency) merged.latency = std::max(merged.latency.value_or(*facts.latency), *facts.latency);
  take_least(merged.idle_timeout, facts.idle_timeout);
  take_least(merged.query_limit, facts.query_limit);
  take_newer(merged.last_handshake, facts.last_handshake);
  take_newer(merged.last_failure, facts.last_failure);
}

template <typename Visit>
void for_each_view(const ServerViews& views, Visit visit) {
  for (std::size_t shard = 0; shard < views.size(); ++shard) {
    if (!views[shard]) continue;
    for (const auto& each : *views[shard]) visit(shard, each);
  }
}

Merged merged_of(const ServerViews& views, std::string_view upstream, std::string_view server) {
  Merged merged;
  for_each_view(views, [&](std::size_t, const ServerView& view) {
    if (view.upstream == upstream && view.server == server) merge(merged, view.facts);
  });
  return merged;
}

std::uint64_t missing(const ServerViews& views) {
  return static_cast<std::uint64_t>(std::ranges::count_if(views, [](const auto& view) { return !view; }));
}

std::string_view state_of(const Merged& server) {
  if (!server.is_known || !server.is_tried) return "untried";
  if (!server.is_up) return "down";
  return server.is_silent ? "silent" : "up";
}

json::value handshake_json(const std::optional<upstream::LastHandshake>& last, const Moment& moment) {
  if (!last) return nullptr;
  const auto& handshake = last->handshake;
  json::object object;
  object["at"] = moment.text(last->at);
  object["resumed"] = handshake.resumed;
  object["duration_seconds"] = seconds(handshake.duration);
  object["version"] = handshake.version;
  object["group"] = handshake.group;
  object["cipher"] = handshake.cipher;
  object["verified_name"] = handshake.verified_name;
  object["pin"] = or_null(std::string_view(handshake.pin));
  object["subject"] = handshake.subject;
  object["issuer"] = handshake.issuer;
  object["not_after"] = to_rfc3339(handshake.not_after);
  object["days_left"] = moment.days_until(handshake.not_after);
  return object;
}

json::value failure_json(const std::optional<upstream::LastFailure>& last, const Moment& moment) {
  if (!last) return nullptr;
  const auto& traits = upstream::traits(last->error);
  json::object object;
  object["at"] = moment.text(last->at);
  object["reason"] = traits.reason;
  object["text"] = traits.text;
  object["detail"] = last->detail;
  return object;
}

json::object latency_json(const Merged& server) {
  json::object object;
  object["smoothed_seconds"] = or_null(server.latency);
  object["p50_seconds"] = or_null(server.latencies.quantile(50));
  object["p95_seconds"] = or_null(server.latencies.quantile(95));
  object["p99_seconds"] = or_null(server.latencies.quantile(99));
  return object;
}

json::object learned_json(const Merged& server) {
  json::object object;
  object["idle_timeout_seconds"] = or_null(server.idle_timeout);
  object["queries_per_connection"] = or_null(server.query_limit);
  object["edns"] = server.knows_edns;
  object["one_query_per_record"] = server.writes_singly;
  return object;
}

json::object failures_json(const ServerFigures& figures) {
  json::object object;
  for (const auto error : runtime::enumerators<upstream::Error>) {
    if (figures.failures[error] > 0) object[upstream::traits(error).reason] = figures.failures[error];
  }
  return object;
}

json::object counts_json(std::span<const std::string_view> labels, std::span<const std::uint64_t> counts) {
  json::object object;
  for (std::size_t i = 0; i < labels.size(); ++i) object[labels[i]] = counts[i];
  return object;
}

/// The name that the certificate is verified for, or null if its IP address is verified, or there is no TLS.
json::value tls_name_json(const config::Server& server) {
  return or_null(std::string_view(server.tls_name));
}

json::object server_json(const config::Server& server, const ServerFigures& figures, const Merged& merged,
                         const Moment& moment) {
  json::object object;
  object["address"] = config::to_string(server.endpoint);
  object["tls_name"] = tls_name_json(server);
  object["state"] = state_of(merged);
  object["latency"] = latency_json(merged);
  object["in_flight"] = figures.in_flight;
  object["connections"] = counts_json(upstream::connection_labels, figures.connections);
  object["connections_opened"] = figures.connections_opened;
  object["idle_closes"] = figures.idle_closes;
  object["replays"] = figures.replays;
  object["responses"] = nonzero(server::rcode_labels, figures.responses);
  object["failures"] = failures_json(figures);
  json::object handshakes;
  handshakes["full"] = figures.handshakes_full;
  handshakes["resumed"] = figures.handshakes_resumed;
  handshakes["failed"] = figures.handshakes_failed;
  object["handshakes"] = std::move(handshakes);
  object["hedges"] = counts_json(upstream::hedge_labels, figures.hedges);
  object["plaintext_queries"] = figures.plaintext_queries;
  object["last_handshake"] = handshake_json(merged.last_handshake, moment);
  object["last_error"] = failure_json(merged.last_failure, moment);
  object["learned"] = learned_json(merged);
  return object;
}

json::array zones_json(const config::Config& config, const std::string& upstream) {
  json::array zones;
  for (const auto& route : config.routes) {
    if (route.upstream == upstream) zones.emplace_back(route.zone.empty() ? route.network : route.zone);
  }
  return zones;
}

json::object connection_json(const ServerView& view, std::size_t shard, std::string_view transport,
                             const upstream::ConnectionFacts& facts, const Moment& moment) {
  const auto ago = [&](const std::optional<runtime::Time>& time) -> json::value {
    if (!time) return nullptr;
    return std::max(0.0, seconds(moment.now() - *time));
  };
  json::object object;
  object["shard"] = shard;
  object["upstream"] = view.upstream;
  object["server"] = view.server;
  object["transport"] = transport;
  object["state"] = connection_words[facts.state];
  object["in_flight"] = facts.in_flight;
  object["waited_for"] = facts.waited_for;
  object["sent"] = facts.sent;
  object["answered"] = facts.answered;
  object["age_seconds"] = ago(facts.ready_at);
  object["last_reply_seconds"] = ago(facts.last_reply);
  object["for_suspects"] = facts.is_lane;
  return object;
}

}  // namespace

json::object upstreams_json(const config::Config& config, const Figures& figures, const ServerViews& views,
                            const Moment& moment) {
  json::array upstreams;
  for (const auto& upstream : config.upstreams) {
    json::array servers;
    for (const auto& server : upstream.servers) {
      const ServerFigures wanted{.upstream = upstream.name, .server = config::to_string(server.endpoint)};
      const auto* const found = figures.find(wanted);
      servers.push_back(server_json(server, found == nullptr ? wanted : *found,
                                    merged_of(views, upstream.name, wanted.server), moment));
    }
    json::object object;
    object["name"] = upstream.name;
    object["protocol"] = config::to_string(upstream.protocol);
    object["policy"] = config::to_string(upstream.policy);
    object["timeout_seconds"] = std::chrono::duration<double>(upstream.timeout).count();
    object["zones"] = zones_json(config, upstream.name);
    object["servers"] = std::move(servers);
    upstreams.push_back(std::move(object));
  }
  json::object object;
  object["upstreams"] = std::move(upstreams);
  object["missing_shards"] = missing(views);
  return object;
}

json::object connections_json(const config::Config& config, const ServerViews& views, const Moment& moment) {
  json::array connections;
  for_each_view(views, [&](std::size_t shard, const ServerView& view) {
    const auto upstream = std::ranges::find(config.upstreams, view.upstream, &config::Upstream::name);
    if (upstream == config.upstreams.end()) return;
    const auto transport = config::to_string(upstream->protocol);
    for (const auto& each : view.facts.connections)
      connections.push_back(connection_json(view, shard, transport, each, moment));
    for (const auto& each : view.facts.fallback_connections)
      connections.push_back(connection_json(view, shard, "tcp", each, moment));
  });
  json::object object;
  object["connections"] = std::move(connections);
  object["missing_shards"] = missing(views);
  return object;
}

json::object certificates_json(const config::Config& config, const std::vector<TlsView>& tls, const ServerViews& views,
                               const Moment& moment) {
  json::array servers;
  json::array clients;
  json::array authorities;
  for (const auto& upstream : config.upstreams) {
    if (upstream.protocol != config::Protocol::tls) continue;
    for (const auto& server : upstream.servers) {
      const auto address = config::to_string(server.endpoint);
      const auto merged = merged_of(views, upstream.name, address);
      json::object object;
      object["upstream"] = upstream.name;
      object["server"] = address;
      object["tls_name"] = tls_name_json(server);
      object["pins"] = json::value_from(server.pins);
      object["handshake"] = handshake_json(merged.last_handshake, moment);
      object["last_error"] = failure_json(merged.last_failure, moment);
      servers.push_back(std::move(object));
    }
    const auto own = std::ranges::find(tls, upstream.name, &TlsView::upstream);
    if (own == tls.end()) continue;
    json::object trusted;
    trusted["upstream"] = upstream.name;
    trusted["ca_file"] = upstream.tls.ca_file;
    trusted["count"] = own->authorities;
    authorities.push_back(std::move(trusted));
    if (!own->client_not_after) continue;
    json::object shown;
    shown["upstream"] = upstream.name;
    shown["not_after"] = to_rfc3339(*own->client_not_after);
    shown["days_left"] = moment.days_until(*own->client_not_after);
    clients.push_back(std::move(shown));
  }
  json::object object;
  object["servers"] = std::move(servers);
  object["clients"] = std::move(clients);
  object["authorities"] = std::move(authorities);
  object["missing_shards"] = missing(views);
  return object;
}

}  // namespace pillion::admin
