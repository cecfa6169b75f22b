#pragma once
// The servers that `pillion probe` measures: those of the command line, or of a configuration.

#include <expected>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "probe/settings.hpp"

namespace pillion::cli {

/// Parses "1.1.1.1:853#cloudflare-dns.com" or "[2606:4700:4700::1111]:853". Without a name, the address is verified.
/// The error says what is wrong.
[[nodiscard]] std::expected<config::Server, std::string> parse_server(const std::string& text, bool may_use_tls);

/// The servers of all upstreams. The probe asks each one for names of the first zone that routes to its upstream.
/// `zone` (wire form) replaces the root zone, and every zone if `is_zone_given`.
[[nodiscard]] std::vector<probe::ProbeTarget> targets_of(const config::Config& config, const dns::Buffer& zone,
                                                         bool is_zone_given);

}  // namespace pillion::cli
