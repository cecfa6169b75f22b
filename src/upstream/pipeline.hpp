#pragma once
// The queries in flight on one connection, and the probe that tests whether it is alive. Pure.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <vector>

#include "upstream/liveness.hpp"
#include "upstream/mux.hpp"
#include "upstream/probe.hpp"

namespace pillion::upstream {

class Pipeline {
 public:
  /// `usual_in_flight` is as in ConnectionLimits; the others are as Mux takes them.
  Pipeline(Mux::Path path, std::size_t max_in_flight, std::size_t usual_in_flight,
           std::function<std::uint16_t()> random_id)
      : mux_(path, max_in_flight, std::move(random_id)), crowded_from_(std::min(max_in_flight, usual_in_flight)) {}

  // None of these numbers includes the probe.
  [[nodiscard]] std::size_t in_flight() const { return mux_.in_flight() - probes(); }
  [[nodiscard]] std::size_t waited_for() const { return mux_.waited_for() - probes(); }
  [[nodiscard]] bool has_room() const { return mux_.has_room(); }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] runtime::Time last_heard() const { return liveness_.last_heard(); }

  /// The connection is ready.
  void begin(runtime::Time now) { liveness_.heard(now); }
  /// Like Mux::add().
  void add(Query& query, runtime::Time now) { mux_.add(query, now); }
  void abandon(Query& query) { mux_.abandon(query); }
  /// Like Mux::take_back().
  [[nodiscard]] Query* take_back(std::uint16_t id) { return mux_.take_back(id); }
  /// Like Mux::take_oldest().
  [[nodiscard]] Query* take_oldest() { return mux_.take_oldest(&probe_); }
  /// The probe in flight is late too. From now on the connection is dead without an answer to it, even if the queries
  /// are abandoned. False if this was already called for this probe.
  [[nodiscard]] bool fall_silent();
  /// Like Liveness::extend_silence().
  [[nodiscard]] bool extend_silence() { return liveness_.extend_silence(); }
  /// Tells the waiting queries that the connection has fallen silent.
  void delay_all() { mux_.delay_all(&probe_); }

  struct Receipt {
    Mux::Received message;
    bool is_of_probe = false;  ///< True if it is the probe's reply
    /// True if the probe brought the reply although it answers an older query, and replies had come since the last
    /// query was sent. The server had then left that query unread until more data came.
    bool was_left_lying = false;
  };
  /// Like Mux::receive().
  [[nodiscard]] std::expected<Receipt, Error> receive(dns::Bytes message, runtime::Time now, bool is_cut = false);

  /// What the silence of the connection implies. `patience` is as in Liveness.
  [[nodiscard]] Liveness::Verdict look(runtime::Time now, runtime::Duration patience) const;
  /// True if an id has been in use for `id_lifetime`; or for a shorter time if many ids are in use and most are those
  /// of abandoned queries, since names that nobody answers must not block other queries for long.
  [[nodiscard]] bool holds_id_too_long(runtime::Time now, runtime::Duration id_lifetime) const;
  /// When to test again for silence and for ids in use; nullopt if nothing is in flight.
  [[nodiscard]] std::optional<runtime::Time> look_at(runtime::Time now, runtime::Duration id_lifetime,
                                                     runtime::Duration patience) const;
  [[nodiscard]] bool is_probing() const { return probe_.is_under_way; }
  /// True if nothing was received for `patience`. If look() requests a probe and this is false, others are answered
  /// while the oldest query waits.
  [[nodiscard]] bool is_quiet(runtime::Time now, runtime::Duration patience) const {
    return now - liveness_.last_heard() >= std::min<runtime::Duration>(patience, Liveness::longest_patience);
  }
  enum class Purpose : std::uint8_t {
    silence,       ///< look() requests it, and is_quiet()
    oldest_query,  ///< look() requests it, while others are answered
    server,        ///< to test the server: the connection is dead without an answer, even if no query waits
  };
  /// Starts a probe and returns it with its id, to be sent. No probe may be in flight. `known` is as for Probe::ask().
  [[nodiscard]] Query& start_probe(runtime::Time now, Purpose purpose, dns::Bytes known);
  /// From now on the connection is dead without an answer to a probe, even if no query waits. Returns the probe to
  /// send, or nullptr if one is already in flight, whose answer is enough.
  [[nodiscard]] Query* prove(runtime::Time now, dns::Bytes known);

  /// The probe in flight.
  [[nodiscard]] const Query& probe() const { return probe_; }

  /// Like Mux::close().
  [[nodiscard]] std::vector<Query*> close();

 private:
  /// Long enough that queries at the end of their time do not use up one connection after another.
  static constexpr std::chrono::milliseconds lifetime_when_clogged{250};

  [[nodiscard]] std::optional<runtime::Time> oldest() const;
  [[nodiscard]] std::optional<runtime::Time> may_be_lying_until(Purpose purpose) const;
  /// True if as many ids are in use as usual, and most of them are those of abandoned queries.
  [[nodiscard]] bool is_clogged() const { return mux_.in_flight() >= crowded_from_ && 2 * waited_for() < in_flight(); }
  [[nodiscard]] std::size_t probes() const { return probe_.is_under_way ? 1 : 0; }

  Mux mux_;
  std::size_t crowded_from_;
  Liveness liveness_;
  Probe probe_;
  std::optional<runtime::Time> asked_about_server_;  // when we began to wait for the probe in flight ourselves
  bool is_silent_ = false;                           // fall_silent() was called for the probe in flight
  // For the probe in flight: if the next reply answers a query that was sent until then, the probe has brought it.
  std::optional<runtime::Time> lying_until_;
  std::uint64_t answered_ = 0;
};

}  // namespace pillion::upstream
