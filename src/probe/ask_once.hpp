#pragma once
// One question to one server, over a connection of its own.

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
  std::chrono::microseconds elapsed{};  ///< from the first byte sent; the connection included
};

/// The error says why there is none within `patience`. `name` in wire form. Runs a loop of its own, on the thread that
/// calls. Throws as upstream::TlsContext and upstream::TlsIdentity do.
[[nodiscard]] std::expected<SingleReply, std::string> ask_once(runtime::Log& log, const ProbeTarget& target,
                                                               dns::Bytes name, std::uint16_t type, bool wants_dnssec,
                                                               std::chrono::milliseconds patience);

}  // namespace pillion::probe
