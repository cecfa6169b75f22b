#pragma once
// Whom `pillion probe` measures: the servers of the command line, or those of a configuration.

#include <expected>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "probe/settings.hpp"

namespace pillion::cli {

/// "1.1.1.1:853#cloudflare-dns.com", "[2606:4700:4700::1111]:853"; without a name the address is verified. The error
/// says what is wrong.
[[nodiscard]] std::expected<config::Server, std::string> parse_server(const std::string& text, bool may_use_tls);

/// The servers of all upstreams. Each is asked for the names of the first zone that leads to its upstream; `zone`, in
/// wire form, stands for the root, and for all of them where `is_zone_given`.
[[nodiscard]] std::vector<probe::ProbeTarget> targets_of(const config::Config& config, const dns::Buffer& zone,
                                                         bool is_zone_given);

}  // namespace pillion::cli
