#pragma once
// What is learned about one server and outlives its connections. Pure.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "runtime/clock.hpp"
#include "upstream/health.hpp"
#include "upstream/known_question.hpp"
#include "upstream/latency_sketch.hpp"

namespace pillion::upstream {

/// Until when a server is asked without EDNS. The pools that ask the same server over UDP and TCP share it.
struct EdnsSupport {
  /// How long a server that only answers without EDNS is asked without it. After that it may have been replaced by a
  /// better one.
  static constexpr std::chrono::minutes off_for{10};
  runtime::Time off_until = runtime::Time::min();
};

class ServerProfile {
 public:
  explicit ServerProfile(std::shared_ptr<EdnsSupport> edns,
                         KnownQuestion known = KnownQuestion(std::make_shared<GroupQuestion>(), false))
      : known_question_(std::move(known)), edns_(std::move(edns)) {}

  /// Takes over what another profile knows about the same server, except that it was down, since its settings may now
  /// be right.
  void inherit(const ServerProfile& known);

  [[nodiscard]] Health& health() { return health_; }
  [[nodiscard]] const Health& health() const { return health_; }

  /// A reply to a query or a probe arrived on any connection.
  void heard(runtime::Time now) { last_heard_ = now; }
  [[nodiscard]] runtime::Time last_heard() const { return last_heard_; }

  /// A usable reply arrived.
  void replied(runtime::Duration latency);
  /// How long a silence is normal (Liveness): twice the latency that 95 % of the replies do not exceed, and 30 ms; at
  /// most Liveness::longest_patience, which also applies while the latency is unknown.
  [[nodiscard]] runtime::Duration patience() const { return patience_; }
  /// The latency that 95 % of the replies do not exceed, or nullopt while it is unknown.
  [[nodiscard]] std::optional<runtime::Duration> slow_after() const { return slow_after_; }

  /// The server closed a connection after `answered` replies, the last of them `since_reply` ago. Some servers close
  /// each connection after a number of queries: further ones are only lost.
  void closed_after(std::uint64_t answered, runtime::Duration since_reply);
  /// The query limit: how many queries the server answers on one connection, at least 1. nullopt if it has no known
  /// limit.
  [[nodiscard]] std::optional<std::uint64_t> query_limit() const { return query_limit_; }
  /// The server closed a new connection at its first query, which was alone on it. So it closes at some queries, and
  /// closing twice after the same number of answers may be chance.
  void closed_at_query();
  /// A connection has outlived the query limit.
  void forget_query_limit() { query_limit_.reset(); }

  /// The server closed a connection on which nothing had been received or sent for `idle`.
  void closed_idle(runtime::Duration idle);
  /// After how long idle we close our connection first, so that no query crosses the server's close; nullopt if the
  /// server's timeout is unknown.
  [[nodiscard]] std::optional<runtime::Duration> idle_timeout() const { return idle_timeout_; }

  [[nodiscard]] const LatencySketch& latencies() const { return latencies_; }

  /// The question for probes.
  [[nodiscard]] KnownQuestion& known_question() { return known_question_; }

  /// Queries are written into separate TLS records for a while, since the server seems to read only one from each. Has
  /// no effect while the server is known to read more.
  void write_singly(runtime::Time now) {
    if (now >= reads_whole_until_) singly_until_ = now + singly_for;
  }
  /// The server has answered several queries of one record without receiving more data.
  void reads_whole_records(runtime::Time now) { reads_whole_until_ = now + singly_for; }
  [[nodiscard]] bool writes_singly(runtime::Time now) const { return now < singly_until_; }

  [[nodiscard]] bool knows_edns(runtime::Time now) const { return now >= edns_->off_until; }
  /// The server has answered without EDNS what it refused with EDNS.
  void turn_edns_off(runtime::Time now) { edns_->off_until = now + EdnsSupport::off_for; }

 private:
  /// A close within this time after an answer was caused by the answer. A later one is an idle close.
  static constexpr std::chrono::milliseconds query_limit_window{50};
  /// The number of closes in a row after the same number of answers from which a query limit follows; and the same for
  /// a server that has closed at a query.
  static constexpr unsigned closes_to_learn = 2;
  static constexpr unsigned closes_to_learn_in_doubt = 8;
  static constexpr std::chrono::milliseconds least_patience{30};
  static constexpr std::chrono::milliseconds least_idle{1000};
  /// Something else may have kept queries unread, so that the remedy is only used for a while. Behind one address
  /// there may be servers of several kinds.
  static constexpr std::chrono::minutes singly_for{10};

  Health health_;
  runtime::Time last_heard_ = runtime::Time::min();
  LatencySketch latencies_;
  std::uint32_t since_read_ = 0;
  runtime::Duration patience_ = std::chrono::seconds(1);
  std::optional<runtime::Duration> slow_after_;
  std::optional<std::uint64_t> query_limit_;
  std::uint64_t last_answered_ = 0;  // on the connection that the server closed last
  unsigned closes_alike_ = 0;        // closes in a row after that many answers
  unsigned closes_to_learn_ = closes_to_learn;
  std::optional<runtime::Duration> idle_timeout_;
  std::optional<runtime::Duration> last_idle_;
  KnownQuestion known_question_;
  runtime::Time singly_until_ = runtime::Time::min();
  runtime::Time reads_whole_until_ = runtime::Time::min();
  std::shared_ptr<EdnsSupport> edns_;
};

}  // namespace pillion::upstream
