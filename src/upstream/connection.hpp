#pragma once
// One multiplexed path to one server, whatever carries it: TLS, TCP or a connected UDP socket.

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

/// The life of a connection, and all that is to be known of where it is in it.
enum class ConnectionState : std::uint8_t {
  connecting,   ///< TCP's handshake
  handshaking,  ///< TLS's
  proving,      ///< open, to a server in doubt: a probe has to be answered before it is ready
  ready,
  silent,    ///< open; queries wait, and not even the probe is answered: nothing more is sent on it meanwhile
  worn,      ///< as ready, and to be replaced
  draining,  ///< takes no more queries, and closes when those that are waited for are answered
  closing,   ///< TLS's close_notify or TCP's FIN is under way
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
  return state == ConnectionState::ready || state == ConnectionState::worn;
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
    case ConnectionState::worn:
      return ConnectionLabel::ready;
    case ConnectionState::draining:
    case ConnectionState::closing:
    case ConnectionState::closed:
      break;
  }
  return ConnectionLabel::draining;
}

/// What was learned while connecting.
struct Handshake {
  runtime::Duration duration{};  ///< of the TLS handshake; zero without TLS
  bool encrypted = false;
  bool resumed = false;
  std::chrono::system_clock::time_point not_after;  ///< of the server's certificate
  std::string version;                              ///< "TLSv1.3"; empty without TLS
  std::string group{};                              ///< of the key exchange: "X25519MLKEM768"; empty without one
  std::string cipher{};                             ///< "TLS_AES_256_GCM_SHA384"; empty without TLS
  std::string verified_name{};                      ///< the name or address that was verified; empty without TLS
  std::string pin{};                                ///< the configured one that matched; empty where there is none
  std::string subject{};                            ///< of the server's certificate; empty without TLS
  std::string issuer{};                             ///< likewise
  bool fell_back = false;  ///< True if the post-quantum groups were not offered (GroupFallback)
};

/// What the kernel knows of the bytes that were written to a stream.
struct Delivery {
  bool is_complete = false;      ///< the server's kernel has acknowledged all of them
  unsigned retransmissions = 0;  ///< in a row without any acknowledgement
};

/// What a connection tells its pool. closed() may come from within close(), retire() and abandon(); every other call
/// comes from the loop.
class ConnectionEvents {
 public:
  /// Queries may be submitted.
  virtual void ready(Connection& connection, const Handshake& handshake) = 0;
  /// A reply or a malformed one; the pool passes it to the query. There may be room now.
  virtual void received(Connection& connection, const Mux::Received& received) = 0;
  /// Something arrived that answers nothing and was dropped, since over UDP anybody can send anything.
  virtual void ignored(Connection& connection, Error error) = 0;
  /// The server has answered a probe: it is up, and so is the connection.
  virtual void answered_probe(Connection& connection) = 0;
  /// The connection is silent, or still proving after a while. The queries on it are told afterwards.
  virtual void fell_silent(Connection& connection) = 0;
  /// The server leaves queries lying that share a TLS record with another, until more comes.
  virtual void needs_single_records(Connection& connection) = 0;
  /// The connection is worn. It should be replaced, and retired when the replacement is ready.
  virtual void wears_out(Connection& connection) = 0;
  /// A query never left, since a datagram cannot hold it.
  virtual void unsendable(Connection& connection, Query& query) = 0;
  /// The connection carries nothing any more. `lost` were sent and not answered, in the order they were sent. `error`
  /// is nullopt when the server closed in an orderly way or we did; `detail` is what the operating system or OpenSSL
  /// say, for the log.
  virtual void closed(Connection& connection, std::optional<Error> error, std::string detail,
                      std::vector<Query*> lost) = 0;
  /// No operation of the connection's is under way: it is to be destroyed.
  virtual void gone(Connection& connection) = 0;

 protected:
  ~ConnectionEvents() = default;
};

class Connection : public Carrier {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  /// Starts connecting. ready() or closed() follows.
  virtual void start() = 0;
  /// From now on writes one query at a time, each in a TLS record of its own. Datagrams always are.
  virtual void write_singly() {}
  /// Sends at the end of this turn. The connection is open and has room.
  virtual void submit(Query& query, runtime::Time now) = 0;
  /// Asks something of our own, which every server can answer at once, and is proving until anything is heard.
  /// answered_probe() follows, or closed() where nothing is. The connection is open.
  virtual void prove(runtime::Time now) = 0;
  /// No more queries; closes when those in flight are answered, at once where there are none.
  virtual void retire() = 0;
  /// Closes now; closed() is called before it returns, gone() later.
  virtual void close() = 0;

  [[nodiscard]] virtual ConnectionState state() const = 0;
  /// Queries that were sent and not answered, those that nobody waits for any more included.
  [[nodiscard]] virtual std::size_t in_flight() const = 0;
  /// Those of them that somebody waits for.
  [[nodiscard]] virtual std::size_t waited_for() const = 0;
  [[nodiscard]] virtual bool has_room() const = 0;
  /// Replies that arrived, those to abandoned queries included.
  [[nodiscard]] virtual std::uint64_t answered() const = 0;
  /// True if the server, or the path to it, has ended the connection; false if we have.
  [[nodiscard]] virtual bool was_ended_by_server() const = 0;
};

/// Ids taken on a connection before another is opened beside it, and it is looked whether they are those of queries
/// that have been given up.
inline constexpr std::size_t default_usual_in_flight = 512;

/// Limits that all connections share.
struct ConnectionLimits {
  std::size_t max_in_flight = 2048;  ///< ids taken at once, those of abandoned queries among them
  std::size_t usual_in_flight = default_usual_in_flight;
  std::chrono::milliseconds connect_timeout{2000};  ///< TCP and TLS handshake together
  /// How long a close may take: the last bytes and TLS's close_notify.
  std::chrono::milliseconds close_timeout{1000};
  /// Queries on one UDP socket, and how long it lives in use, and so a source port, before another is opened (RFC 5452
  /// section 9.2 wants ports unpredictable).
  std::uint64_t queries_per_port = 128;
  std::chrono::milliseconds port_lifetime{5'000};
  /// An id that was never given back after so long: the connection is retired, another takes its place.
  std::chrono::milliseconds id_lifetime{30'000};
};

}  // namespace pillion::upstream
