#pragma once
// Asks one server one question over a new connection.

#include <chrono>
#include <expected>
#include <string>

#include "dns/wire.hpp"
#include "probe/settings.hpp"
#include "runtime/log.hpp"
#include "upstream/connection.hpp"

namespace pillion::probe {

struct SingleReply {
  dns::Buffer message;
  upstream::Handshake handshake;
  std::chrono::microseconds elapsed{};  ///< from the start of the connection to the reply
};

/// Asks for `name` (wire form) and returns the reply. The error says why there is none within `patience`. Runs a loop
/// of its own on the calling thread. Throws what upstream::TlsContext and upstream::TlsIdentity throw.
[[nodiscard]] std::expected<SingleReply, std::string> ask_once(runtime::Log& log, const ProbeTarget& target,
                                                               dns::Bytes name, std::uint16_t type, bool wants_dnssec,
                                                               std::chrono::milliseconds patience);

}  // namespace pillion::probe
