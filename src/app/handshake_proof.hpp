#pragma once
// Whether the servers of an encrypted upstream can be had: a verified handshake with each, before anybody depends on
// it.

#include <atomic>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "upstream/tls.hpp"

namespace pillion::app {

/// An upstream to be proven.
struct ProofTarget {
  const config::Upstream& upstream;
  upstream::TlsContext& tls;
};

/// Shakes hands with the servers of all targets at once, and waits for `patience` at the most, or until `cancelled`.
/// Returns a text for each target, in their order: empty where one server at least has completed a verified handshake,
/// else what each of them did. Runs a loop of its own, on the thread that calls.
[[nodiscard]] std::vector<std::string> prove_handshakes(runtime::Log& log, const std::vector<ProofTarget>& targets,
                                                        runtime::Duration patience, const std::atomic<bool>& cancelled);

}  // namespace pillion::app
