#pragma once
// What the ca_file of each upstream holds, as people read it.

#include <expected>
#include <string>

#include "config/config.hpp"

namespace pillion::cli {

/// Lines in YAML comments, one an upstream with TLS; empty where there is none:
///     # public    144 roots
///     # private   1 intermediate CA as trust anchor, 2 intermediate CAs below an anchor, 1 certificate without use
/// The error says of which upstream the file cannot be used, and why.
[[nodiscard]] std::expected<std::string, std::string> ca_table(const config::Config& config);

}  // namespace pillion::cli
