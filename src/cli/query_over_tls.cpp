#include "cli/query_over_tls.hpp"

#include <stdexcept>
#include <utility>

#include "probe/ask_once.hpp"
#include "telemetry/logger.hpp"

namespace pillion::cli {

std::expected<ServerReply, NoReply> exchange_over_tls(const config::Server& server, const std::string& ca_file,
                                                      dns::Bytes name, std::uint16_t type, bool wants_dnssec) {
  constexpr std::chrono::seconds patience{5};
  telemetry::Logger log({.level = runtime::LogLevel::error, .format = telemetry::LineFormat::text});
  probe::ProbeTarget target;
  target.server = server;
  if (!ca_file.empty()) target.tls.ca_file = ca_file;
  try {
    auto reply = probe::ask_once(log, target, name, type, wants_dnssec, patience);
    if (!reply) return std::unexpected(NoReply{.reason = reply.error()});
    const auto& handshake = reply->handshake;
    return ServerReply{.message = std::move(reply->message),
                       .server = server.endpoint,
                       .transport = QueryTransport::tls,
                       .elapsed = reply->elapsed,
                       .tls = handshake.version + ", " + handshake.group + ", " + handshake.cipher};
  } catch (const std::runtime_error& error) {
    return std::unexpected(NoReply{.reason = error.what(), .was_asked = false});
  }
}

}  // namespace pillion::cli
