#pragma once
// What is learned of one server, and outlives its connections. Pure.

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

/// Until when a server is asked without EDNS. The pools that ask the same server over UDP and TCP share one.
struct EdnsSupport {
  /// How long a server that answers only without EDNS is asked so: it may be replaced by a better one.
  static constexpr std::chrono::minutes off_for{10};
  runtime::Time off_until = runtime::Time::min();
};

class ServerProfile {
 public:
  explicit ServerProfile(std::shared_ptr<EdnsSupport> edns,
                         KnownQuestion known = KnownQuestion(std::make_shared<GroupQuestion>(), false))
      : known_question_(std::move(known)), edns_(std::move(edns)) {}

  /// Takes over what another one knows of the same server; not that it was down, since its settings may be right now.
  void inherit(const ServerProfile& known);

  [[nodiscard]] Health& health() { return health_; }
  [[nodiscard]] const Health& health() const { return health_; }

  /// A reply, to a query or to a probe, on any connection.
  void heard(runtime::Time now) { last_heard_ = now; }
  [[nodiscard]] runtime::Time last_heard() const { return last_heard_; }

  /// A usable reply.
  void replied(runtime::Duration latency);
  /// How long a silence is nothing unusual (Liveness): twice the latency that 95 % of the replies keep to, and a bit;
  /// Liveness::longest_patience while that is not known.
  [[nodiscard]] runtime::Duration patience() const { return patience_; }
  /// The latency that 95 % of the replies keep to; nullopt while it is not known.
  [[nodiscard]] std::optional<runtime::Duration> slow_after() const { return slow_after_; }

  /// A connection had `answered` replies when the server closed it, the last of them `since_reply` ago. Some servers
  /// answer so many queries on a connection and close it: more than that on one are only lost.
  void closed_after(std::uint64_t answered, runtime::Duration since_reply);
  /// Queries that the server answers on one connection, at least 1; nullopt: as many as are sent.
  [[nodiscard]] std::optional<std::uint64_t> quota() const { return quota_; }
  /// The server closed a new connection at its first query, which was alone on it. So it closes at some queries, and
  /// that it does so after as many answers as the last time may be chance.
  void closed_at_query();
  /// A connection outlived the quota.
  void forget_quota() { quota_.reset(); }

  /// The server closed a connection on which nothing had been heard or sent for `idle`.
  void closed_idle(runtime::Duration idle);
  /// After how long idle our connection is closed first, so that no query crosses the server's close; nullopt: the
  /// server has not shown when it does.
  [[nodiscard]] std::optional<runtime::Duration> idle_timeout() const { return idle_timeout_; }

  [[nodiscard]] const LatencySketch& latencies() const { return latencies_; }

  /// What probes ask.
  [[nodiscard]] KnownQuestion& known_question() { return known_question_; }

  /// For a while queries are written one by one: the server looks as if it read one from a TLS record. Not while it is
  /// known to read more.
  void write_singly(runtime::Time now) {
    if (now >= reads_whole_until_) singly_until_ = now + singly_for;
  }
  /// The server answered several queries from one record, which nothing had followed.
  void reads_whole_records(runtime::Time now) { reads_whole_until_ = now + singly_for; }
  [[nodiscard]] bool writes_singly(runtime::Time now) const { return now < singly_until_; }

  [[nodiscard]] bool knows_edns(runtime::Time now) const { return now >= edns_->off_until; }
  /// The server answered without EDNS what it refused with it.
  void turn_edns_off(runtime::Time now) { edns_->off_until = now + EdnsSupport::off_for; }

 private:
  /// A close so soon after an answer is because of it; later, it is an idle close.
  static constexpr std::chrono::milliseconds quota_window{50};
  /// Closes in a row after the same number of answers that make it a quota, and how many it takes of a server that has
  /// closed at a query.
  static constexpr unsigned closes_to_learn = 2;
  static constexpr unsigned closes_to_learn_in_doubt = 8;
  static constexpr std::chrono::milliseconds least_patience{30};
  static constexpr std::chrono::milliseconds least_idle{1000};
  /// It may have been something else that left queries lying, so the remedy is tried for a while only. Behind one
  /// address there may be servers of several kinds.
  static constexpr std::chrono::minutes singly_for{10};

  Health health_;
  runtime::Time last_heard_ = runtime::Time::min();
  LatencySketch latencies_;
  std::uint32_t since_read_ = 0;
  runtime::Duration patience_ = std::chrono::seconds(1);
  std::optional<runtime::Duration> slow_after_;
  std::optional<std::uint64_t> quota_;
  std::uint64_t last_answered_ = 0;  // by the connection that the server closed last
  unsigned closes_alike_ = 0;        // in a row, after that many answers
  unsigned closes_to_learn_ = closes_to_learn;
  std::optional<runtime::Duration> idle_timeout_;
  std::optional<runtime::Duration> last_idle_;
  KnownQuestion known_question_;
  runtime::Time singly_until_ = runtime::Time::min();
  runtime::Time reads_whole_until_ = runtime::Time::min();
  std::shared_ptr<EdnsSupport> edns_;
};

}  // namespace pillion::upstream
