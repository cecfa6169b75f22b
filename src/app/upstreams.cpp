#include "app/upstreams.hpp"

#include <optional>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "upstream/datagram_channel.hpp"
#include "upstream/datagram_connection.hpp"
#include "upstream/pool.hpp"
#include "upstream/socket_datagrams.hpp"
#include "upstream/socket_stream.hpp"
#include "upstream/stream_connection.hpp"

namespace pillion::app {
namespace asio = boost::asio;

namespace {

/// What all connections of one pool are made from. Shared by the copies of its factory.
struct Blueprint {
  upstream::Encoding encoding;
  upstream::ConnectionLimits limits;
  std::optional<upstream::TlsIdentity> identity;  // with TLS
};

upstream::Pool::MakeConnection stream_factory(runtime::Loop& loop, std::shared_ptr<Blueprint> blueprint,
                                              const asio::ip::tcp::endpoint& server, upstream::TlsContext* tls) {
  return [&loop, blueprint = std::move(blueprint), server, tls](
             upstream::ConnectionEvents& events,
             upstream::ServerProfile& profile) -> std::unique_ptr<upstream::Connection> {
    return std::make_unique<upstream::StreamConnection>(
        loop, [&loop] { return loop.random().u16(); }, blueprint->encoding, blueprint->limits, profile, events,
        [&](upstream::StreamEvents& stream) -> std::unique_ptr<upstream::Stream> {
          if (tls == nullptr) return std::make_unique<upstream::PlainSocketStream>(loop, server, stream);
          return std::make_unique<upstream::TlsSocketStream>(loop, server, stream, *tls, *blueprint->identity);
        });
  };
}

upstream::Pool::MakeConnection datagram_factory(runtime::Loop& loop, std::shared_ptr<Blueprint> blueprint,
                                                const asio::ip::udp::endpoint& server) {
  return [&loop, blueprint = std::move(blueprint), server](
             upstream::ConnectionEvents& events,
             upstream::ServerProfile& profile) -> std::unique_ptr<upstream::Connection> {
    return std::make_unique<upstream::DatagramConnection>(
        loop, [&loop] { return loop.random().u16(); }, blueprint->encoding, blueprint->limits, profile, events,
        [&](upstream::DatagramEvents& datagrams) {
          return std::make_unique<upstream::SocketDatagrams>(loop, server, datagrams);
        });
  };
}

/// What the pools that ask one server have in common.
struct ServerContext {
  runtime::Loop& loop;
  const config::Upstream& settings;
  const config::Server& server;
  std::shared_ptr<upstream::EdnsSupport> edns = std::make_shared<upstream::EdnsSupport>();
};

std::unique_ptr<upstream::Pool> make_pool(const ServerContext& of, config::Protocol protocol, upstream::TlsContext* tls,
                                          upstream::ServerMetrics& metrics) {
  auto& loop = of.loop;
  const bool encrypted = protocol == config::Protocol::tls;
  auto blueprint = std::make_shared<Blueprint>(
      Blueprint{.encoding = {.framed = protocol != config::Protocol::udp,
                             // Padding hides lengths; in the clear there is nothing to hide.
                             .padding = encrypted ? of.settings.padding : std::uint16_t{0},
                             .keepalive = protocol != config::Protocol::udp},
                .limits = {},
                .identity = {}});
  if (encrypted) blueprint->identity.emplace(of.server);
  const auto address = asio::ip::make_address(of.server.endpoint.address);
  const auto port = of.server.endpoint.port;
  auto make = protocol == config::Protocol::udp
                  ? datagram_factory(loop, std::move(blueprint), {address, port})
                  : stream_factory(loop, std::move(blueprint), {address, port}, encrypted ? tls : nullptr);
  // What is asked over TCP where UDP did not do says nothing of whether the server is up.
  const bool says_up = protocol == of.settings.protocol;
  return std::make_unique<upstream::Pool>(
      upstream::PoolContext{.schedule = loop, .log = loop.log(), .random = [&loop] { return loop.random().unit(); }},
      upstream::ServerReport(loop.log(), metrics, of.settings.name, config::to_string(of.server.endpoint), says_up),
      of.edns, upstream::PoolSettings{.encrypted = encrypted}, std::move(make));
}

}  // namespace

TlsContexts make_tls_contexts(const config::Config& config) {
  TlsContexts contexts;
  for (const auto& upstream : config.upstreams) {
    const bool encrypted = upstream.protocol == config::Protocol::tls;
    contexts.push_back(encrypted ? std::make_unique<upstream::TlsContext>(upstream.tls) : nullptr);
  }
  return contexts;
}

GroupMetrics::GroupMetrics(const config::Upstream& settings) {
  for (std::size_t i = 0; i < settings.servers.size(); ++i) {
    servers.push_back(std::make_unique<upstream::ServerMetrics>());
    if (settings.protocol == config::Protocol::udp) fallbacks.push_back(std::make_unique<upstream::ServerMetrics>());
  }
}

std::unique_ptr<resolve::Failover> make_group(runtime::Loop& loop, const config::Upstream& settings,
                                              upstream::TlsContext* tls, runtime::MemoryShare& memory,
                                              GroupMetrics& metrics) {
  std::vector<std::unique_ptr<upstream::Channel>> servers;
  for (std::size_t i = 0; i < settings.servers.size(); ++i) {
    const ServerContext server{.loop = loop, .settings = settings, .server = settings.servers[i]};
    auto pool = make_pool(server, settings.protocol, tls, *metrics.servers[i]);
    if (settings.protocol != config::Protocol::udp) {
      servers.push_back(std::move(pool));
      continue;
    }
    auto fallback = make_pool(server, config::Protocol::tcp, nullptr, *metrics.fallbacks[i]);
    servers.push_back(std::make_unique<upstream::DatagramChannel>(loop, memory, std::move(pool), std::move(fallback)));
  }
  return std::make_unique<resolve::Failover>(loop, settings, std::move(servers), memory,
                                             [&loop] { return loop.random().unit(); });
}

}  // namespace pillion::app
