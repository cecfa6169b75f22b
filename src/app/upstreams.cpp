#include "app/upstreams.hpp"

#include <optional>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "upstream/datagram_connection.hpp"
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

std::unique_ptr<upstream::Pool> make_pool(runtime::Loop& loop, const config::Upstream& settings,
                                          const config::Server& server, config::Protocol protocol,
                                          upstream::TlsContext* tls, upstream::ServerMetrics& metrics) {
  const bool encrypted = protocol == config::Protocol::tls;
  const auto blueprint = std::make_shared<Blueprint>(
      Blueprint{.encoding = {.framed = protocol != config::Protocol::udp,
                             // Padding hides lengths; in the clear there is nothing to hide.
                             .padding = encrypted ? settings.padding : std::uint16_t{0},
                             .keepalive = protocol != config::Protocol::udp},
                .limits = {},
                .identity = {}});
  if (encrypted) blueprint->identity.emplace(server);
  const auto address = asio::ip::make_address(server.endpoint.address);
  const auto port = server.endpoint.port;
  upstream::Pool::MakeConnection make;
  switch (protocol) {
    case config::Protocol::tls:
      make = [&loop, blueprint, address, port,
              tls](upstream::ConnectionEvents& events) -> std::unique_ptr<upstream::Connection> {
        return std::make_unique<upstream::TlsConnection>(loop, asio::ip::tcp::endpoint(address, port),
                                                         blueprint->encoding, blueprint->limits, events, *tls,
                                                         *blueprint->identity);
      };
      break;
    case config::Protocol::tcp:
      make = [&loop, blueprint, address,
              port](upstream::ConnectionEvents& events) -> std::unique_ptr<upstream::Connection> {
        return std::make_unique<upstream::TcpConnection>(loop, asio::ip::tcp::endpoint(address, port),
                                                         blueprint->encoding, blueprint->limits, events);
      };
      break;
    case config::Protocol::udp:
      make = [&loop, blueprint, address,
              port](upstream::ConnectionEvents& events) -> std::unique_ptr<upstream::Connection> {
        return std::make_unique<upstream::DatagramConnection>(loop, asio::ip::udp::endpoint(address, port),
                                                              blueprint->encoding, blueprint->limits, events);
      };
      break;
  }
  return std::make_unique<upstream::Pool>(
      loop, settings.name, config::to_string(server.endpoint), metrics,
      upstream::PoolSettings{.encrypted = encrypted, .is_fallback = protocol != settings.protocol}, std::move(make));
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
                                              upstream::TlsContext* tls, GroupMetrics& metrics) {
  std::vector<resolve::GroupServer> servers;
  for (std::size_t i = 0; i < settings.servers.size(); ++i) {
    const auto& server = settings.servers[i];
    resolve::GroupServer group_server;
    group_server.pool = make_pool(loop, settings, server, settings.protocol, tls, *metrics.servers[i]);
    if (settings.protocol == config::Protocol::udp) {
      group_server.tcp = make_pool(loop, settings, server, config::Protocol::tcp, nullptr, *metrics.fallbacks[i]);
    }
    servers.push_back(std::move(group_server));
  }
  return std::make_unique<resolve::Failover>(loop, settings, std::move(servers));
}

}  // namespace pillion::app
