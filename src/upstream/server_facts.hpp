#pragma once
// The facts of one server at one moment, for the admin server.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/clock.hpp"
#include "upstream/connection.hpp"
#include "upstream/error.hpp"
#include "upstream/latency_sketch.hpp"

namespace pillion::upstream {

/// The newest handshake with a server, and when it ended.
struct LastHandshake {
  Handshake handshake;
  runtime::Time at;
};

/// The newest failure of a server, including those of queries and connections.
struct LastFailure {
  Error error = Error::timeout;
  std::string detail = {};  ///< message of the operating system or OpenSSL; may be empty
  runtime::Time at;
};

struct ConnectionFacts {
  ConnectionState state = ConnectionState::connecting;
  bool is_lane = false;  ///< True if it only takes suspects (Quarantine)
  std::size_t in_flight = 0;
  std::size_t waited_for = 0;
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::optional<runtime::Time> ready_at = {};
  std::optional<runtime::Time> last_reply = {};
};

struct ServerFacts {
  bool is_tried = false;  ///< a connection has been ready, or the server has failed
  bool is_up = true;
  bool is_silent = false;
  std::optional<runtime::Duration> latency = {};  ///< smoothed; nullopt before the first reply
  LatencySketch latencies = {};
  std::optional<runtime::Duration> idle_timeout = {};
  std::optional<std::uint64_t> query_limit = {};
  bool knows_edns = true;
  bool writes_singly = false;
  std::optional<LastHandshake> last_handshake = {};  ///< nullopt without TLS, and before the first handshake
  std::optional<LastFailure> last_failure = {};
  std::vector<ConnectionFacts> connections = {};
  std::vector<ConnectionFacts> fallback_connections = {};  ///< the TCP connections of a UDP server
};

}  // namespace pillion::upstream
