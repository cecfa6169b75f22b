#pragma once
// A configuration, and what is made from it once for all shards.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "upstream/tls_context.hpp"

namespace pillion::app {

/// The TLS settings and trust anchors of the upstreams, in their order; nullptr for unencrypted ones.
using TlsContexts = std::vector<std::shared_ptr<upstream::TlsContext>>;

struct Plan {
  config::Config config;
  TlsContexts tls;
  /// hash_of() the configuration as it was read, so that it is equal in all processes with that configuration. Empty
  /// until it is set.
  std::string hash;
  std::vector<std::uint64_t> loop_labels;  ///< random numbers for the loop probes of the upstreams, in their order
};

/// Reads the TLS files. Takes what has not changed from `previous` (nullptr: none), so that connections can continue.
/// Throws what upstream::TlsContext throws, with the upstream's name.
[[nodiscard]] std::shared_ptr<Plan> make_plan(config::Config config, const Plan* previous);

/// The start of the SHA-256 of the effective configuration, in hexadecimal.
[[nodiscard]] std::string hash_of(const config::Config& config);

}  // namespace pillion::app
