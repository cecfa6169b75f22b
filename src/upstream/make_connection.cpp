#include "upstream/make_connection.hpp"

#include <boost/asio/ip/address.hpp>

#include "upstream/datagram_connection.hpp"
#include "upstream/socket_datagrams.hpp"
#include "upstream/socket_stream.hpp"
#include "upstream/stream_connection.hpp"

namespace pillion::upstream {
namespace asio = boost::asio;

ServerAccess::ServerAccess(const config::Server& server, config::Protocol server_protocol, std::uint16_t padding,
                           TlsContext* context)
    : endpoint(server.endpoint),
      protocol(server_protocol),
      encoding({.framed = protocol != config::Protocol::udp,
                .padding = protocol == config::Protocol::tls ? padding : std::uint16_t{0},
                .keepalive = protocol != config::Protocol::udp}),
      tls(protocol == config::Protocol::tls ? context : nullptr) {
  if (protocol == config::Protocol::tls) identity.emplace(server);
}

std::unique_ptr<Connection> make_connection(runtime::Loop& loop, ServerAccess& access, ConnectionEvents& events,
                                            ServerProfile& profile) {
  const auto address = asio::ip::make_address(access.endpoint.address);
  const auto random_id = [&loop] { return loop.random().u16(); };
  if (access.protocol == config::Protocol::udp) {
    const asio::ip::udp::endpoint server(address, access.endpoint.port);
    auto connection = std::make_unique<DatagramConnection>(
        loop, random_id, access.encoding, access.limits, profile, events,
        [&](DatagramEvents& datagrams) { return std::make_unique<SocketDatagrams>(loop, server, datagrams); });
    connection->observe(access.observer.get());
    return connection;
  }
  const asio::ip::tcp::endpoint server(address, access.endpoint.port);
  auto connection = std::make_unique<StreamConnection>(
      loop, random_id, access.encoding, access.limits, profile, events,
      [&](StreamEvents& stream) -> std::unique_ptr<Stream> {
        if (access.tls == nullptr) return std::make_unique<PlainSocketStream>(loop, server, stream);
        return std::make_unique<TlsSocketStream>(loop, server, stream, *access.tls, *access.identity);
      });
  connection->observe(access.observer.get());
  return connection;
}

}  // namespace pillion::upstream
