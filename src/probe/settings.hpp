#pragma once
// Whom `pillion probe` measures, and how much it asks of each.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "config/config.hpp"
#include "dns/wire.hpp"

namespace pillion::probe {

/// One server, with the settings of the upstream that it belongs to.
struct ProbeTarget {
  std::string upstream;  ///< the name of that upstream
  config::Protocol protocol = config::Protocol::tls;
  config::Server server;
  config::Tls tls;
  std::uint16_t padding = 128;  ///< of our queries, as config::Upstream has it
  /// In wire form: random labels under it are the cold names, and it is itself the hot one.
  dns::Buffer zone;
  /// True if it is asked for names of all the world. What it does with names outside of its zone is measured only then.
  bool is_general = true;
};

/// What else is asked for. Names are in wire form.
struct ProbeNames {
  dns::Buffer bogus;  ///< a name whose signatures are wrong
  dns::Buffer large;  ///< a name with a large answer
  std::uint16_t large_type = dns::type::dnskey;
};

/// Bounds of what one server is asked: the load is for resolvers that other people run.
struct ProbeLimits {
  unsigned handshakes = 3;                         ///< full ones, and as many resumed ones; 1 or more
  unsigned samples = 40;                           ///< of the hot name, and of cold names, one after the other
  std::size_t in_flight = 64;                      ///< the most that are sent at once to find the server's limit
  unsigned pipelined = 1000;                       ///< queries for the hot name to find how many a second; 0: none
  std::size_t pipelined_in_flight = 100;           ///< of these at once
  std::chrono::milliseconds pipelined_for{2'000};  ///< at most
  std::chrono::milliseconds patience{5'000};       ///< with one query
  std::chrono::milliseconds budget{60'000};        ///< of one server, the wait for its idle timeout not included
  std::chrono::milliseconds idle{0};  ///< how long to wait for it to close an idle connection; 0: not at all
};

}  // namespace pillion::probe
