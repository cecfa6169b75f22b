#pragma once
// What was decided about one question, and when: for whoever asks why an answer was what it was. Pure.
//
// A question that nobody traces pays one test of a pointer for each decision, and none for what the cache answers.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/clock.hpp"
#include "upstream/error.hpp"

namespace pillion::upstream::trace {

/// An Extended DNS Error (RFC 8914) as somebody said it.
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
/// A zone of our own answers: one of the configuration, or a special-use domain (RFC 6761).
struct AnsweredLocally {
  std::string zone;
  bool is_special_use = false;
};
/// It is a loop probe of ours, which an upstream has sent back to us.
struct LoopFound {};
/// No such name can exist in the cluster (SearchList::may_exist()), so nobody is asked.
struct Withheld {};

// What the cache has.

enum class CacheState : std::uint8_t {
  disabled,       ///< there is no cache
  bypassed,       ///< the query is signed, so that its answer is for its asker alone
  miss,           ///< nothing; of a query without RD the answer will not be kept either
  fresh,          ///< an answer, which is given
  fresh_failure,  ///< a failure that is kept (RFC 9520), which is given
  stale,          ///< an answer that has expired: for when nobody answers (RFC 8767)
  stale_given,    ///< the same, given at once, since the upstream has just failed
};
enum class Content : std::uint8_t { answer, nxdomain, nodata, failure };
struct CacheLooked {
  CacheState state = CacheState::miss;
  std::optional<Content> content = {};  ///< nullopt where there is no entry, or a stale one has not been looked at
  std::string name = {};                ///< of the entry: of a denial perhaps an ancestor (RFC 8020)
  runtime::Duration age{};              ///< since it was stored
  runtime::Duration left{};             ///< until it expires; negative since then
};

// How it is asked for.

/// The same question is under way already.
struct Joined {
  std::size_t waiting = 0;  ///< others who wait for it
};
struct Asked {
  bool is_shared = true;  ///< False if the answer is neither shared nor kept: the query has no RD, or is signed
};
/// The expired answer is given.
struct StaleGiven {
  enum class Since : std::uint8_t {
    group_is_down,  ///< every server is backed off from
    waited,         ///< for longer than clients are made to (RFC 8767 section 5)
    failed,         ///< nobody has answered
  };
  Since since = Since::failed;
};
/// What came back is in the cache now.
struct Kept {
  Content content = Content::answer;
  runtime::Duration lifetime{};
};
struct NotKept {
  std::string reason;  ///< cache::to_string(NotStored)
};

// Which server, and why.

enum class Cause : std::uint8_t {
  first,     ///< the question is new
  failure,   ///< of another server
  refusal,   ///< another server could or would not answer
  late,      ///< another has taken long, and goes on being waited for
  silence,   ///< another's connection has fallen silent
  hedge,     ///< another is slower than usual
  new_round  ///< every server has failed: again from the first
};
enum class Why : std::uint8_t {
  only_one,        ///< no other is left that is up
  lowest_latency,  ///< of the estimates
  unmeasured,      ///< no server's latency is known
  exploration,     ///< not the fastest, so that its latency stays known
  in_order,        ///< policy sequential
  in_turn,         ///< policy round_robin
  by_chance,       ///< policy random
  soonest_back,    ///< all are backed off from; this one is tried again first
};
enum class ServerState : std::uint8_t { responsive, silent, backed_off, tried };
struct Considered {
  std::string server;
  ServerState state = ServerState::responsive;
  std::optional<runtime::Duration> latency = {};  ///< the estimate
  std::optional<Error> trouble = {};              ///< why it is backed off from
};
struct ServerChosen {
  std::string server;
  Cause cause = Cause::first;
  Why why = Why::only_one;
  std::vector<Considered> considered;
};
/// A hedge is due, and too many have been sent already.
struct HedgeWithheld {
  std::string server;
};
/// The server cannot be asked now.
struct NotAsked {
  std::string server;
  Error error = Error::timeout;
  std::string detail;  ///< what the operating system or OpenSSL said when it failed
};

// How it gets there.

/// No connection takes it yet.
struct Waits {
  enum class For : std::uint8_t {
    connection,  ///< one is being opened
    retry,       ///< the server is backed off from, and tried again soon
    lane,        ///< to be sent apart from the others, since it was on a connection that ended (Quarantine)
  };
  std::string server;
  For what = For::connection;
};
/// What was agreed on in the handshake.
struct TlsSession {
  std::string version;        ///< "TLSv1.3"
  std::string group;          ///< "X25519MLKEM768"
  std::string cipher;         ///< "TLS_AES_256_GCM_SHA384"
  std::string verified_name;  ///< the name or address that the certificate was verified for
  bool resumed = false;
  runtime::Duration handshake{};
};
/// Sent on a connection.
struct Sent {
  std::string server;
  std::string_view protocol;      ///< "tls", "tcp" or "udp"
  std::uint64_t sent_before = 0;  ///< queries on the same connection; 0: it is new
  std::size_t in_flight = 0;      ///< of those
  runtime::Duration age{};        ///< of the connection
  std::optional<TlsSession> tls;  ///< of TLS alone
};
/// The connection that it was on, or waited for, has ended.
struct ConnectionEnded {
  std::string server;
  std::optional<Error> error = {};  ///< nullopt: the server closed in an orderly way
  std::string detail;               ///< what the operating system or OpenSSL say
  bool is_sent_again = false;       ///< on the next connection
};
/// What came over UDP, or would have to go over it, does not do.
struct GoesOverTcp {
  enum class Since : std::uint8_t { truncated, too_long, mismatched };
  std::string server;
  Since since = Since::truncated;
};
/// A datagram may be lost.
struct SentAgain {
  std::string server;
};
/// The server refused it with EDNS (RFC 6891 section 7).
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
/// The connection that it is on has fallen silent.
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
enum class Finding : std::uint8_t { exists, missing, failed };
struct StepEnded {
  std::string name;
  bool is_guard = false;  ///< it must be missing, so that the walk may go on
  Finding finding = Finding::missing;
};
/// What the walk answers with.
struct WalkEnded {
  std::string name;        ///< the candidate; the client's own question where nothing was found, or something failed
  bool has_found = false;  ///< the candidate exists
};

/// The answer to whoever asked.
struct Answered {
  std::string_view source;  ///< resolve::source_labels
  std::uint16_t rcode = 0;
  std::size_t answers = 0;
  bool is_truncated = false;
  std::vector<SaidError> errors = {};
};

using What =
    std::variant<Routed, AnsweredLocally, LoopFound, Withheld, CacheLooked, Joined, Asked, StaleGiven, Kept, NotKept,
                 ServerChosen, HedgeWithheld, NotAsked, Waits, Sent, ConnectionEnded, GoesOverTcp, SentAgain,
                 SentWithoutEdns, Replied, Failed, FellSilent, GaveUp, WalkBegan, StepEnded, WalkEnded, Answered>;

struct Event {
  runtime::Duration at{};  ///< since the trace began
  std::string step = {};   ///< the name that a search walk asked for here; empty outside of one
  What what;
};

/// Whoever wants to know what becomes of a question.
class Tracer {
 public:
  /// `step` as Event has it.
  virtual void note(const What& what, std::string_view step) = 0;
  /// There was no memory for an event.
  virtual void lost() noexcept = 0;

 protected:
  ~Tracer() = default;
};

/// Who traces a question: nobody, mostly. It is looked at anew for each event, since a question that is under way can
/// be joined by one that is traced.
struct Link {
  Tracer* tracer = nullptr;
};
inline constexpr Link untraced;

/// Has the event noted that `make` makes, if anybody traces.
template <typename Make>
void note(const Link& link, Make make) noexcept {
  if (link.tracer == nullptr) [[likely]]
    return;
  try {
    link.tracer->note(What(make()), {});
  } catch (const std::exception&) {
    link.tracer->lost();
  }
}

/// The events of one question, in the order in which they came.
class Trace {
 public:
  /// What comes after so many is counted and left out: a long walk, with every attempt of each of its steps, has fewer.
  static constexpr std::size_t max_events = 512;

  explicit Trace(runtime::Time began) : began_(began) {}

  void add(runtime::Time now, const What& what, std::string_view step) {
    if (events_.size() == max_events) return lose();
    events_.push_back({.at = now - began_, .step = std::string(step), .what = what});
  }
  void lose() noexcept { ++lost_; }

  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  /// Events that are missing, for want of room.
  [[nodiscard]] std::size_t lost() const { return lost_; }

 private:
  runtime::Time began_;
  std::vector<Event> events_;
  std::size_t lost_ = 0;
};

}  // namespace pillion::upstream::trace
