#pragma once
// The decisions about one question and their times, to explain why its answer is what it is. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/clock.hpp"
#include "upstream/error.hpp"

namespace pillion::upstream::trace {

/// An Extended DNS Error (RFC 8914) of a server, or of ours.
struct SaidError {
  std::uint16_t info_code = 0;
  std::string text;
};

// Where the question is answered.

/// A route leads to an upstream group. Names are in presentation form, here and below.
struct Routed {
  std::string zone;
  std::string group;
  bool is_encrypted = true;
};
/// The zone is answered locally: a zone of the configuration, or a special-use name (RFC 6761).
struct AnsweredLocally {
  std::string zone;
  bool is_special_use = false;
};
/// The question is our own loop probe, which an upstream has sent back to us.
struct LoopFound {};
/// No such name can exist in the cluster (SearchList::may_exist()), so that no server is asked.
struct Withheld {};

// What the cache has.

enum class CacheState : std::uint8_t {
  disabled,       ///< there is no cache
  bypassed,       ///< the query is signed, so that its answer is its client's alone
  miss,           ///< no entry; the answer to a query without RD will not be cached either
  fresh,          ///< an answer, which is given
  fresh_failure,  ///< a cached failure (RFC 9520), which is given
  stale,          ///< an expired answer, which is given if no server answers (RFC 8767)
  stale_given,    ///< an expired answer, which is given at once because the upstream has just failed
};
enum class Content : std::uint8_t { answer, nxdomain, nodata, failure };
struct CacheLooked {
  CacheState state = CacheState::miss;
  std::optional<Content> content = {};  ///< nullopt if there is no entry, or a stale one that was not read
  std::string name = {};                ///< name of the entry; for a denial it may be an ancestor (RFC 8020)
  runtime::Duration age{};              ///< since the entry was stored
  runtime::Duration left{};             ///< until the entry expires; negative if it has expired
};

// How it is asked for.

/// The question joined the same question in flight.
struct Joined {
  std::size_t waiting = 0;  ///< other requests that wait for it
};
struct Asked {
  /// False if the answer is neither shared nor cached, because the query has no RD or is signed.
  bool is_shared = true;
};
/// The expired answer was given.
struct StaleGiven {
  enum class Since : std::uint8_t {
    group_is_down,  ///< every server is backed off from
    waited,         ///< it was waited for longer than clients should (RFC 8767 section 5)
    failed,         ///< no server has answered
  };
  Since since = Since::failed;
};
/// The answer was cached.
struct Kept {
  Content content = Content::answer;
  runtime::Duration lifetime{};
};
struct NotKept {
  std::string reason;  ///< cache::to_string(NotStored)
};

// Which server was chosen, and why.

enum class Cause : std::uint8_t {
  first,     ///< the question is new
  failure,   ///< another server failed
  refusal,   ///< another server could or would not answer
  late,      ///< another server takes long, and is still waited for
  silence,   ///< another server's connection has fallen silent
  hedge,     ///< another server is slower than usual
  new_round  ///< every server has failed, and all are asked again
};
enum class Why : std::uint8_t {
  only_one,        ///< no other server is left that is up
  lowest_latency,  ///< of the known latencies
  unmeasured,      ///< no server's latency is known
  exploration,     ///< not the fastest server, so that its latency stays known
  in_order,        ///< policy sequential
  in_turn,         ///< policy round_robin
  by_chance,       ///< policy random
  soonest_back,    ///< all servers are backed off from, and this one is tried again soonest
};
enum class ServerState : std::uint8_t { responsive, silent, backed_off, tried };
struct Considered {
  std::string server;
  ServerState state = ServerState::responsive;
  std::optional<runtime::Duration> latency = {};  ///< the smoothed latency
  std::optional<Error> trouble = {};              ///< why it is backed off from
};
struct ServerChosen {
  std::string server;
  Cause cause = Cause::first;
  Why why = Why::only_one;
  std::vector<Considered> considered;
};
/// A hedge is due, but too many were sent already.
struct HedgeWithheld {
  std::string server;
};
/// The server cannot be asked now.
struct NotAsked {
  std::string server;
  Error error = Error::timeout;
  std::string detail;  ///< message of the operating system or OpenSSL when it failed
};

// How the query gets there.

/// No connection takes the query yet.
struct Waits {
  enum class For : std::uint8_t {
    connection,  ///< one is being opened
    retry,       ///< the server is backed off from, and tried again soon
    lane,        ///< it was on a connection that ended, and is sent apart from the others (Quarantine)
  };
  std::string server;
  For what = For::connection;
};
/// The negotiated TLS parameters.
struct TlsSession {
  std::string version;        ///< "TLSv1.3"
  std::string group;          ///< "X25519MLKEM768"
  std::string cipher;         ///< "TLS_AES_256_GCM_SHA384"
  std::string verified_name;  ///< the name or address that the certificate was verified for
  bool resumed = false;
  runtime::Duration handshake{};
};
/// The query was sent on a connection.
struct Sent {
  std::string server;
  std::string_view protocol;      ///< "tls", "tcp" or "udp"
  std::uint64_t sent_before = 0;  ///< queries sent on this connection before; 0: it is new
  std::size_t in_flight = 0;      ///< queries in flight on it
  runtime::Duration age{};        ///< age of the connection
  std::optional<TlsSession> tls;  ///< only with TLS
};
/// The connection that the query was on, or waited for, has ended.
struct ConnectionEnded {
  std::string server;
  std::optional<Error> error = {};  ///< nullopt if the server closed in an orderly way
  std::string detail;               ///< message of the operating system or OpenSSL
  bool is_sent_again = false;       ///< True if it is sent again on the next connection
};
/// UDP did not suffice, so that the query goes over TCP.
struct GoesOverTcp {
  enum class Since : std::uint8_t { truncated, too_long, mismatched };
  std::string server;
  Since since = Since::truncated;
};
/// The query was sent again over UDP, since a datagram may be lost.
struct SentAgain {
  std::string server;
};
/// The server refused the query with EDNS, so that it was sent without (RFC 6891 section 7).
struct SentWithoutEdns {
  std::string server;
};

// What came back.

struct Replied {
  std::string server;
  std::uint16_t rcode = 0;
  bool is_truncated = false;
  bool is_usable = true;  ///< False if another server may know better
  std::size_t answers = 0;
  runtime::Duration latency{};
  std::vector<SaidError> errors = {};
};
struct Failed {
  std::string server;
  Error error = Error::timeout;
};
/// The connection with the query has fallen silent.
struct FellSilent {
  std::string server;
};
/// The budget of the query is used up.
struct GaveUp {
  runtime::Duration budget{};
};

// A walk along the search list.

struct WalkBegan {
  std::string base;
  std::size_t candidates = 0;
};
enum class NameState : std::uint8_t { exists, missing, failed };
struct StepEnded {
  std::string name;
  bool is_guard = false;  ///< True if the name must be missing for the walk to go on
  NameState finding = NameState::missing;
};
/// The walk goes on without a candidate that the cluster's DNS has not answered, since its namespace does not exist.
struct StepPassed {
  std::string name;    ///< the candidate
  std::string denied;  ///< the namespace
};
/// The result of the walk.
struct WalkEnded {
  std::string name;        ///< the candidate; the client's own question if nothing was found, or a step failed
  bool has_found = false;  ///< True if the candidate exists
};

/// The answer to the client.
struct Answered {
  std::string_view source;  ///< one of resolve::source_labels
  std::uint16_t rcode = 0;
  std::size_t answers = 0;
  bool is_truncated = false;
  std::vector<SaidError> errors = {};
};

using What = std::variant<Routed, AnsweredLocally, LoopFound, Withheld, CacheLooked, Joined, Asked, StaleGiven, Kept,
                          NotKept, ServerChosen, HedgeWithheld, NotAsked, Waits, Sent, ConnectionEnded, GoesOverTcp,
                          SentAgain, SentWithoutEdns, Replied, Failed, FellSilent, GaveUp, WalkBegan, StepEnded,
                          StepPassed, WalkEnded, Answered>;

struct Event {
  runtime::Duration at{};  ///< since the trace began
  std::string step = {};   ///< the name of the search walk's step; empty outside of a walk
  What what;
};

/// The events of one question, in order.
class Trace {
 public:
  /// Further events are counted and left out. A long walk with every attempt of each of its steps has fewer.
  static constexpr std::size_t max_events = 512;

  explicit Trace(runtime::Time began) : began_(began) {}

  void add(runtime::Time now, const What& what, std::string_view step) {
    if (events_.size() == max_events) return lose();
    events_.push_back({.at = now - began_, .step = std::string(step), .what = what});
  }
  void lose() noexcept { ++lost_; }

  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  /// The number of events that are missing, for lack of room.
  [[nodiscard]] std::size_t lost() const { return lost_; }

 private:
  runtime::Time began_;
  std::vector<Event> events_;
  std::size_t lost_ = 0;
};

}  // namespace pillion::upstream::trace
