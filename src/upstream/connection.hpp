#pragma once
// One multiplexed connection to one server over TLS, TCP or a connected UDP socket.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "upstream/encode.hpp"
#include "upstream/error.hpp"
#include "upstream/metrics.hpp"
#include "upstream/mux.hpp"
#include "upstream/query.hpp"

namespace pillion::upstream {

class Connection;

/// The states of a connection.
enum class ConnectionState : std::uint8_t {
  connecting,   ///< TCP handshake
  handshaking,  ///< TLS handshake
  proving,      ///< open, but the server is in doubt: ready once a probe is answered
  ready,
  silent,    ///< open, but neither the waiting queries nor the probe are answered: no more queries are sent meanwhile
  retiring,  ///< like ready, until a replacement is ready
  draining,  ///< takes no more queries; closes once nobody waits for one of its queries
  closing,   ///< waits for TLS's close_notify or TCP's FIN to complete
  closed,
};

[[nodiscard]] constexpr bool is_opening(ConnectionState state) {
  return state == ConnectionState::connecting || state == ConnectionState::handshaking;
}
[[nodiscard]] constexpr bool has_ended(ConnectionState state) {
  return state == ConnectionState::closing || state == ConnectionState::closed;
}
/// True if queries may be under way on it.
[[nodiscard]] constexpr bool is_open(ConnectionState state) {
  return !is_opening(state) && !has_ended(state);
}
/// True if ordinary queries may be sent on it.
[[nodiscard]] constexpr bool takes_queries(ConnectionState state) {
  return state == ConnectionState::ready || state == ConnectionState::retiring;
}
/// True if it is ready, or on its way to that.
[[nodiscard]] constexpr bool is_in_use(ConnectionState state) {
  return is_opening(state) || state == ConnectionState::proving || state == ConnectionState::ready;
}

[[nodiscard]] constexpr ConnectionLabel label_of(ConnectionState state) {
  switch (state) {
    case ConnectionState::connecting:
    case ConnectionState::handshaking:
    case ConnectionState::proving:
      return ConnectionLabel::connecting;
    case ConnectionState::ready:
    case ConnectionState::silent:
    case ConnectionState::retiring:
      return ConnectionLabel::ready;
    case ConnectionState::draining:
    case ConnectionState::closing:
    case ConnectionState::closed:
      break;
  }
  return ConnectionLabel::draining;
}

/// What a connection has learned while it was opened.
struct Handshake {
  runtime::Duration duration{};  ///< of the TLS handshake; zero without TLS
  bool encrypted = false;
  bool resumed = false;
  std::chrono::system_clock::time_point not_after;  ///< end of validity of the server's certificate
  std::string version;                              ///< "TLSv1.3"; empty without TLS
  std::string group{};          ///< group of the key exchange: "X25519MLKEM768"; empty if there was none
  std::string cipher{};         ///< "TLS_AES_256_GCM_SHA384"; empty without TLS
  std::string verified_name{};  ///< the name or address that the certificate was verified for; empty without TLS
  std::string pin{};            ///< the configured pin that matched; empty if none is configured
  std::string subject{};        ///< subject of the server's certificate; empty without TLS
  std::string issuer{};         ///< issuer of the server's certificate; empty without TLS
  bool fell_back = false;       ///< True if the post-quantum groups were not offered (GroupFallback)
};

/// What the kernel knows about the bytes that were written to a stream.
struct Delivery {
  bool is_complete = false;      ///< True if the server's kernel has acknowledged all bytes
  unsigned retransmissions = 0;  ///< in a row, without an acknowledgement
};

/// The events of a connection, for its pool. closed() may be called from within close(), retire() and abandon(). Every
/// other event comes from the loop.
class ConnectionEvents {
 public:
  /// The connection takes queries.
  virtual void ready(Connection& connection, const Handshake& handshake) = 0;
  /// A reply to a query arrived, or a malformed one. The pool passes it to the query. The connection may have room
  /// now.
  virtual void received(Connection& connection, const Mux::Received& received) = 0;
  /// Something arrived that answers no query, and was dropped. Over UDP anybody can send it.
  virtual void ignored(Connection& connection, Error error) = 0;
  /// The server has answered a probe: server and connection work.
  virtual void answered_probe(Connection& connection) = 0;
  /// The connection has fallen silent, or has been proving for a while. Its queries are told afterwards.
  virtual void fell_silent(Connection& connection) = 0;
  /// The server does not answer queries that share a TLS record with another until more data comes.
  virtual void needs_single_records(Connection& connection) = 0;
  /// The connection should be replaced, and retired when the replacement is ready.
  virtual void needs_replacement(Connection& connection) = 0;
  /// The query could not be sent, since a datagram cannot hold it.
  virtual void unsendable(Connection& connection, Query& query) = 0;
  /// The connection has ended. `lost` were sent and not answered, in the order of sending. `error` is nullopt if the
  /// server or we closed in an orderly way. `detail` is the message of the operating system or OpenSSL, for the log.
  virtual void closed(Connection& connection, std::optional<Error> error, std::string detail,
                      std::vector<Query*> lost) = 0;
  /// No operation of the connection is pending. The pool must destroy it.
  virtual void gone(Connection& connection) = 0;

 protected:
  ~ConnectionEvents() = default;
};

class Connection : public QueryHolder {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  /// Starts connecting. ready() or closed() follows.
  virtual void start() = 0;
  /// From now on writes each query into its own TLS record. Each datagram has only one query anyway.
  virtual void write_singly() {}
  /// Sends the query at the end of this turn. The connection must be open and have room.
  virtual void submit(Query& query, runtime::Time now) = 0;
  /// Sends a probe, which every server can answer at once. The connection is proving until it receives anything.
  /// answered_probe() follows, or closed() if nothing is received. The connection must be open.
  virtual void prove(runtime::Time now) = 0;
  /// Takes no more queries. Closes once nobody waits for one of its queries, at once if nobody does.
  virtual void retire() = 0;
  /// Closes at once. closed() is called before this returns, gone() later.
  virtual void close() = 0;

  [[nodiscard]] virtual ConnectionState state() const = 0;
  /// Queries that were sent and not answered, including abandoned ones.
  [[nodiscard]] virtual std::size_t in_flight() const = 0;
  /// Queries of in_flight() that were not abandoned.
  [[nodiscard]] virtual std::size_t waited_for() const = 0;
  [[nodiscard]] virtual bool has_room() const = 0;
  /// Replies that arrived, including those to abandoned queries.
  [[nodiscard]] virtual std::uint64_t answered() const = 0;
  /// True if the server, or the path to it, has ended the connection; false if we have.
  [[nodiscard]] virtual bool was_ended_by_server() const = 0;
};

/// Beyond this number of ids in use, the pool opens another connection, and the connection checks whether most of them
/// are those of abandoned queries.
inline constexpr std::size_t default_usual_in_flight = 512;

/// Limits that all connections share.
struct ConnectionLimits {
  std::size_t max_in_flight = 2048;  ///< the most ids in use at once, including those of abandoned queries
  std::size_t usual_in_flight = default_usual_in_flight;
  std::chrono::milliseconds connect_timeout{2000};  ///< for the TCP and the TLS handshake together
  /// How long closing may take, with the last bytes and TLS's close_notify.
  std::chrono::milliseconds close_timeout{1000};
  /// The most queries on one UDP socket, and the longest use of one, since each socket has one source port (RFC 5452
  /// section 9.2 requires unpredictable ports).
  std::uint64_t queries_per_port = 128;
  std::chrono::milliseconds port_lifetime{5'000};
  /// If an id has been in use for this long, the connection is replaced and retired.
  std::chrono::milliseconds id_lifetime{30'000};
};

}  // namespace pillion::upstream
