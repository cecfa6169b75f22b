#pragma once
// The contents of each upstream's ca_file, in words.

#include <expected>
#include <string>

#include "config/config.hpp"

namespace pillion::cli {

/// Lines of YAML comments, one for each upstream with TLS; empty if there is none:
///
///     # public    144 roots
///     # private   1 intermediate CA as trust anchor, 2 intermediate CAs below an anchor, 1 unused certificate
/// The error names the upstream whose file cannot be used, and the reason.
[[nodiscard]] std::expected<std::string, std::string> ca_table(const config::Config& config);

}  // namespace pillion::cli
