#pragma once
// What is known of one server at a moment, for people.

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

/// The newest failure of a server, a query's or a connection's on it among them.
struct LastFailure {
  Error error = Error::timeout;
  std::string detail = {};  ///< what the operating system or OpenSSL say; empty where they have said nothing
  runtime::Time at;
};

struct ConnectionFacts {
  ConnectionState state = ConnectionState::connecting;
  bool is_lane = false;  ///< True if it carries suspects alone (Quarantine)
  std::size_t in_flight = 0;
  std::size_t waited_for = 0;
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::optional<runtime::Time> ready_at = {};
  std::optional<runtime::Time> last_reply = {};
};

struct ServerFacts {
  bool is_tried = false;  ///< a connection was ready, or failed
  bool is_up = true;
  bool is_silent = false;
  std::optional<runtime::Duration> latency = {};  ///< smoothed; nullopt before the first reply
  LatencySketch latencies = {};
  std::optional<runtime::Duration> idle_timeout = {};
  std::optional<std::uint64_t> quota = {};
  bool knows_edns = true;
  bool writes_singly = false;
  std::optional<LastHandshake> last_handshake = {};  ///< nullopt without TLS, and before the first
  std::optional<LastFailure> last_failure = {};
  std::vector<ConnectionFacts> connections = {};
  std::vector<ConnectionFacts> fallback_connections = {};  ///< over TCP, of a UDP server
};

}  // namespace pillion::upstream
