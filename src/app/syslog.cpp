#include "app/syslog.hpp"

#include <unistd.h>

#include <array>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <limits.h>

#include "config/sink_address.hpp"
#include "telemetry/byte_stream.hpp"
#include "telemetry/connect_socket.hpp"
#include "telemetry/syslog_output.hpp"
#include "telemetry/tls_byte_stream.hpp"

namespace pillion::app {
namespace {

using telemetry::ByteStream;
using telemetry::SinkWaits;
using Connected = std::expected<std::unique_ptr<ByteStream>, std::string>;

std::expected<runtime::UniqueDescriptor, std::string> connect_tcp(const config::Endpoint& endpoint, SinkWaits& waits) {
  auto socket = telemetry::connect_tcp_socket(endpoint, waits);
  if (!socket) return std::unexpected(std::generic_category().message(socket.error()));
  return std::move(*socket);
}

telemetry::ConnectStream connect_plain(const config::Endpoint& endpoint) {
  return [endpoint](SinkWaits& waits) -> Connected {
    auto socket = connect_tcp(endpoint, waits);
    if (!socket) return std::unexpected(socket.error());
    return telemetry::plain_stream(std::move(*socket));
  };
}

telemetry::ConnectStream connect_tls(telemetry::TlsPeer peer) {
  return [peer = std::move(peer)](SinkWaits& waits) -> Connected {
    auto socket = connect_tcp(peer.endpoint, waits);
    if (!socket) return std::unexpected(socket.error());
    return telemetry::tls_stream(std::move(*socket), peer, waits);
  };
}

}  // namespace

std::string own_host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

telemetry::SyslogHeader syslog_header(std::string_view message_id) {
  return {own_host_name(), static_cast<std::uint32_t>(::getpid()), message_id};
}

std::unique_ptr<telemetry::RecordOutput> syslog_output(const config::SyslogSettings& settings) {
  auto address = config::parse_sink_address(settings.output);
  if (!address) throw std::runtime_error("syslog.output: " + address.error());
  switch (address->kind) {
    case config::SinkKind::udp:
      return telemetry::syslog_datagram_output(address->endpoint);
    case config::SinkKind::tcp:
      return telemetry::syslog_stream_output(connect_plain(address->endpoint));
    case config::SinkKind::tls:
      return telemetry::syslog_stream_output(connect_tls({.endpoint = std::move(address->endpoint),
                                                          .name = std::move(address->tls_name),
                                                          .ca_file = settings.ca_file}));
    case config::SinkKind::file:
    case config::SinkKind::unix_socket:
      break;
  }
  throw std::runtime_error("syslog.output: not an address of a syslog server; allowed: udp, tcp or tls");
}

std::unique_ptr<telemetry::SyslogLog> make_syslog(const config::SyslogSettings& settings, telemetry::Logger& log) {
  if (settings.output.empty()) return nullptr;
  return std::make_unique<telemetry::SyslogLog>(
      log, telemetry::SyslogLog::Options{.header = syslog_header("log"), .address = settings.output},
      syslog_output(settings));
}

}  // namespace pillion::app
