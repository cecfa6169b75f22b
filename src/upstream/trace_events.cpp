#include "upstream/trace_events.hpp"

#include <utility>

#include "dns/edns.hpp"

namespace pillion::upstream::trace {
std::vector<SaidError> errors_of(dns::Bytes options) {
  std::vector<SaidError> errors;
  dns::for_each_extended_error(options, [&](std::uint16_t info_code, dns::Bytes text) {
    errors.push_back({.info_code = info_code, .text = std::string(text.begin(), text.end())});
  });
  return errors;
}

Replied replied(std::string server, const Reply& reply) {
  Replied event{.server = std::move(server),
                .rcode = reply.rcode,
                .is_truncated = reply.is_truncated,
                .is_usable = is_usable(reply.rcode) || is_bogus(reply),
                .latency = reply.latency};
  if (!reply.message) return event;
  event.answers = reply.message->header().answers();
  if (reply.message->opt()) event.errors = errors_of(dns::read_edns(*reply.message).options);
  return event;
}

Sent sent(std::string server, config::Protocol protocol, const Member& connection, runtime::Time now) {
  const auto& handshake = connection.handshake;
  Sent event{.server = std::move(server),
             .protocol = config::to_string(protocol),
             .sent_before = connection.sent,
             .in_flight = connection.connection->in_flight(),
             .age = now - connection.ready_at.value_or(now),
             .tls = {}};
  if (handshake.encrypted) {
    event.tls = TlsSession{.version = handshake.version,
                           .group = handshake.group,
                           .cipher = handshake.cipher,
                           .verified_name = handshake.verified_name,
                           .resumed = handshake.resumed,
                           .handshake = handshake.duration};
  }
  return event;
}

}  // namespace pillion::upstream::trace
