#pragma once
// The servers that `pillion probe` measures, and the limits on its questions.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "config/config.hpp"
#include "dns/wire.hpp"

namespace pillion::probe {

/// One server with the settings of its upstream.
struct ProbeTarget {
  std::string upstream;  ///< name of the upstream
  config::Protocol protocol = config::Protocol::tls;
  config::Server server;
  config::Tls tls;
  std::uint16_t padding = 128;  ///< block size in bytes of our queries' padding, as in config::Upstream
  /// Wire form. The zone's name is the hot name; random labels under it are the cold names.
  dns::Buffer zone;
  /// True if the server answers names of the whole Internet. Only then does the probe measure its behaviour for names
  /// outside the zone.
  bool is_general = true;
};

/// The other names that the probe asks for, in wire form.
struct ProbeNames {
  dns::Buffer bogus;  ///< a name with invalid signatures
  dns::Buffer large;  ///< a name with a large answer
  std::uint16_t large_type = dns::type::dnskey;
};

/// Limits on the queries to one server, since other people run these resolvers.
struct ProbeLimits {
  unsigned handshakes = 3;                ///< full handshakes, and as many resumed ones; at least 1
  unsigned samples = 40;                  ///< queries for the hot name, and as many for cold names, one after the other
  std::size_t in_flight = 64;             ///< the most queries sent at once to find the server's limit
  unsigned pipelined = 1000;              ///< queries for the hot name to measure throughput; 0: none
  std::size_t pipelined_in_flight = 100;  ///< the most of these in flight at once
  std::chrono::milliseconds pipelined_for{2'000};  ///< the longest duration of the throughput measurement
  std::chrono::milliseconds patience{5'000};       ///< the longest wait for one reply
  std::chrono::milliseconds budget{60'000};        ///< for one server, without the wait for its idle timeout
  std::chrono::milliseconds idle{0};  ///< the longest wait for the server to close an idle connection; 0: no wait
};

}  // namespace pillion::probe
