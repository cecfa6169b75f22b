#pragma once
// Asks one server one question over TLS and verifies its certificate.

#include <expected>
#include <string>

#include "cli/query_exchange.hpp"
#include "config/config.hpp"

namespace pillion::cli {

/// Like exchange(), but over a connection of the kind that the proxy uses. `name` is in wire form. An empty `ca_file`
/// means the default.
[[nodiscard]] std::expected<ServerReply, NoReply> exchange_over_tls(const config::Server& server,
                                                                    const std::string& ca_file, dns::Bytes name,
                                                                    std::uint16_t type, bool wants_dnssec);

}  // namespace pillion::cli
