#pragma once
// One question to one server over TLS, certificates verified.

#include <expected>
#include <string>

#include "cli/query_exchange.hpp"
#include "config/config.hpp"

namespace pillion::cli {

/// As exchange(), by the connections that the proxy uses. `name` in wire form. `ca_file` empty: the default.
[[nodiscard]] std::expected<ServerReply, NoReply> exchange_over_tls(const config::Server& server,
                                                                    const std::string& ca_file, dns::Bytes name,
                                                                    std::uint16_t type, bool wants_dnssec);

}  // namespace pillion::cli
