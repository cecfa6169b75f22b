#include "scenarios/server_group.hpp"

#include <algorithm>
#include <utility>

#include "upstream/datagram_channel.hpp"
#include "upstream/datagram_connection.hpp"
#include "upstream/stream_connection.hpp"

namespace pillion::scenarios {
namespace {

/// Replaces random numbers by their mean, so that scenarios are deterministic.
double middle() {
  return 0.5;
}

}  // namespace

std::unique_ptr<upstream::Pool> ServerRoom::make_pool(StageServer& server, const config::Upstream& settings,
                                                      config::Protocol protocol, const upstream::ServerProfile& known) {
  const bool encrypted = protocol == config::Protocol::tls;
  const bool is_udp = protocol == config::Protocol::udp;
  const upstream::Encoding encoding{
      .framed = !is_udp, .padding = encrypted ? settings.padding : std::uint16_t{0}, .keepalive = !is_udp};
  // Ids are far apart, so that the next number after an id is unused.
  constexpr std::uint16_t step = 7919;
  const auto next_id = [this] { return last_id_ = static_cast<std::uint16_t>(last_id_ + step); };
  const auto make = [this, &server, encoding, next_id, is_udp](
                        upstream::ConnectionEvents& events,
                        upstream::ServerProfile& profile) -> std::unique_ptr<upstream::Connection> {
    if (is_udp) {
      return std::make_unique<upstream::DatagramConnection>(
          schedule_, next_id, encoding, limits_, profile, events,
          [&server](upstream::DatagramEvents& to) { return std::make_unique<StageDatagrams>(server, to); });
    }
    return std::make_unique<upstream::StreamConnection>(
        schedule_, next_id, encoding, limits_, profile, events,
        [&server](upstream::StreamEvents& to) { return std::make_unique<StageStream>(server, to); });
  };
  const bool is_own = protocol == settings.protocol;
  auto& metrics = is_own ? server.metrics : server.fallback_metrics;
  return std::make_unique<upstream::Pool>(upstream::PoolContext{.schedule = schedule_, .log = log_, .random = middle},
                                          upstream::ServerReport(log_, metrics, settings.name, server.name, is_own),
                                          known, upstream::PoolSettings{.protocol = protocol}, make);
}

std::unique_ptr<resolve::Group> ServerRoom::make_group(const config::Upstream& settings,
                                                       const std::vector<std::string>& names) {
  std::vector<std::unique_ptr<upstream::Channel>> channels;
  const auto question = std::make_shared<upstream::GroupQuestion>();
  for (const auto& name : names) {
    auto* const known = find(name);
    auto& server = known != nullptr && known->protocol == settings.protocol
                       ? *known
                       : *servers_.emplace_back(std::make_unique<StageServer>(name, settings.protocol, happenings_));
    const bool encrypted = settings.protocol == config::Protocol::tls;
    const auto edns = std::make_shared<upstream::EdnsSupport>();
    const upstream::ServerProfile profile(edns, upstream::KnownQuestion(question, encrypted));
    auto pool = make_pool(server, settings, settings.protocol, profile);
    if (settings.protocol != config::Protocol::udp) {
      channels.push_back(std::move(pool));
      continue;
    }
    channels.push_back(std::make_unique<upstream::DatagramChannel>(
        schedule_, memory_, std::move(pool),
        make_pool(server, settings, config::Protocol::tcp, upstream::ServerProfile(edns))));
  }
  return std::make_unique<resolve::Failover>(schedule_, settings, std::move(channels), memory_, middle);
}

StageServer* ServerRoom::find(std::string_view name) const {
  const auto found = std::ranges::find(servers_, name, [](const auto& server) { return server->name; });
  return found == servers_.end() ? nullptr : found->get();
}

bool ServerRoom::answer(const Question& question, const Reply& reply) {
  for (const auto& server : servers_) {
    if (!server->see(to_text(question))) continue;
    auto* const asked = server->find_waiting(question);
    if (asked == nullptr) return false;
    server->answer(*asked, reply, {}, {});
    return true;
  }
  return false;
}

std::vector<std::string> ServerRoom::unseen() const {
  std::vector<std::string> all;
  for (const auto& server : servers_) {
    for (const auto& question : server->unseen()) all.push_back(server->name + " is asked " + question);
  }
  return all;
}

bool ServerRoom::has_waiting() const {
  return std::ranges::any_of(servers_, [](const auto& server) { return server->has_waiting(); });
}

std::string ServerRoom::never_asked() const {
  for (const auto& server : servers_) {
    if (!server->prepared.empty()) return server->name + " was never asked " + server->prepared.front().question;
  }
  return {};
}

}  // namespace pillion::scenarios
