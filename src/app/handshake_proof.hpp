#pragma once
// Tests that an encrypted upstream is usable by a verified handshake with each server, before queries depend on it.

#include <atomic>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "upstream/tls_context.hpp"

namespace pillion::app {

/// An upstream to test.
struct ProofTarget {
  const config::Upstream& upstream;
  upstream::TlsContext& tls;
};

/// Makes handshakes with the servers of all targets at once. Waits for at most `patience`, or until `cancelled`.
/// Returns one text for each target, in order: empty if at least one server has completed a verified handshake, else
/// what each server did. Runs a loop of its own on the calling thread.
[[nodiscard]] std::vector<std::string> prove_handshakes(runtime::Log& log, const std::vector<ProofTarget>& targets,
                                                        runtime::Duration patience, const std::atomic<bool>& cancelled);

}  // namespace pillion::app
