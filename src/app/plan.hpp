#pragma once
// A configuration, with what is made of it once for all shards.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "upstream/tls.hpp"

namespace pillion::app {

/// The TLS settings and trust of the configuration's upstreams, in their order; nullptr for those in the clear.
using TlsContexts = std::vector<std::shared_ptr<upstream::TlsContext>>;

struct Plan {
  config::Config config;
  TlsContexts tls;
  /// hash_of() the configuration as it was read, the same in all processes that do the same; empty until that is said.
  std::string hash;
  std::vector<std::uint64_t> loop_labels;  ///< random numbers for the upstreams, in their order: of their loop probes
};

/// Reads the files of TLS. What is as it is in `previous` is taken from there, so that connections can go on; nullptr
/// for none. Throws as upstream::TlsContext does, with the upstream's name before.
[[nodiscard]] std::shared_ptr<Plan> make_plan(config::Config config, const Plan* previous);

/// The start of the SHA-256 of the effective configuration, in hex.
[[nodiscard]] std::string hash_of(const config::Config& config);

}  // namespace pillion::app
