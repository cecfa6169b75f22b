#pragma once
// What is in flight on one connection: the queries, and the probe that shows whether the connection is alive. Pure.

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
  /// `usual_in_flight` as ConnectionLimits has it; the others as Mux takes them.
  Pipeline(Mux::Path path, std::size_t max_in_flight, std::size_t usual_in_flight,
           std::function<std::uint16_t()> random_id)
      : mux_(path, max_in_flight, std::move(random_id)), crowded_from_(std::min(max_in_flight, usual_in_flight)) {}

  // The probe is in none of these numbers.
  [[nodiscard]] std::size_t in_flight() const { return mux_.in_flight() - probes(); }
  [[nodiscard]] std::size_t waited_for() const { return mux_.waited_for() - probes(); }
  [[nodiscard]] bool has_room() const { return mux_.has_room(); }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] runtime::Time last_heard() const { return liveness_.last_heard(); }

  /// The connection is ready.
  void begin(runtime::Time now) { liveness_.heard(now); }
  /// As Mux::add().
  void add(Query& query, runtime::Time now) { mux_.add(query, now); }
  void abandon(Query& query) { mux_.abandon(query); }
  /// As Mux::take_back().
  [[nodiscard]] Query* take_back(std::uint16_t id) { return mux_.take_back(id); }
  /// As Mux::take_oldest().
  [[nodiscard]] Query* take_oldest() { return mux_.take_oldest(&probe_); }
  /// The probe under way is late as well. From now on the connection is dead without an answer to it, though those who
  /// wait give up. False if that is known of this probe.
  [[nodiscard]] bool fall_silent();
  /// As Liveness::bear_with_silence().
  [[nodiscard]] bool bear_with_silence() { return liveness_.bear_with_silence(); }
  /// Tells those who wait that the connection has fallen silent.
  void delay_all() { mux_.delay_all(&probe_); }

  struct Receipt {
    Mux::Received message;
    bool is_of_probe = false;  ///< of nobody's interest but ours
    /// True if the probe brought the reply although it answers an older query, and replies had come since the last
    /// query was sent: the server had left it lying until more came.
    bool was_left_lying = false;
  };
  /// As Mux::receive().
  [[nodiscard]] std::expected<Receipt, Error> receive(dns::Bytes message, runtime::Time now, bool is_cut = false);

  /// What follows from the silence of the connection, if it is silent. `patience` as Liveness has it.
  [[nodiscard]] Liveness::Verdict look(runtime::Time now, runtime::Duration patience) const;
  /// True if an id has not been given back for `id_lifetime`, or for a moment if none is left and most are those of
  /// abandoned queries: names that nobody answers must not keep other queries waiting for so long.
  [[nodiscard]] bool is_worn(runtime::Time now, runtime::Duration id_lifetime) const;
  /// When to look again, for silence or wear; nullopt while nothing is in flight.
  [[nodiscard]] std::optional<runtime::Time> look_at(runtime::Time now, runtime::Duration id_lifetime,
                                                     runtime::Duration patience) const;
  [[nodiscard]] bool is_probing() const { return probe_.is_under_way; }
  /// True if nothing has been heard for `patience`. Where look() calls for a probe and this is false, others are
  /// answered while the oldest query waits.
  [[nodiscard]] bool is_quiet(runtime::Time now, runtime::Duration patience) const {
    return now - liveness_.last_heard() >= std::min<runtime::Duration>(patience, Liveness::longest_patience);
  }
  enum class Purpose : std::uint8_t {
    silence,       ///< look() says so, and is_quiet()
    oldest_query,  ///< look() says so, while others are answered
    server,        ///< to find out about the server: the connection is dead without an answer, though nobody else waits
  };
  /// A probe, with its id, to be sent. None may be under way. `known` as Probe::ask().
  [[nodiscard]] Query& start_probe(runtime::Time now, Purpose purpose, dns::Bytes known);
  /// From now on the connection is dead without an answer to a probe, though nobody else waits for one. Returns the
  /// probe to be sent; nullptr if one is under way, whose answer does as well.
  [[nodiscard]] Query* prove(runtime::Time now, dns::Bytes known);

  /// The one under way.
  [[nodiscard]] const Query& probe() const { return probe_; }

  /// As Mux::close().
  [[nodiscard]] std::vector<Query*> close();

 private:
  /// Long enough that queries at the end of their time do not use up one connection after the other.
  static constexpr std::chrono::milliseconds lifetime_when_clogged{250};

  [[nodiscard]] std::optional<runtime::Time> oldest() const;
  [[nodiscard]] std::optional<runtime::Time> may_be_lying_until(Purpose purpose) const;
  /// True if as many ids are taken as usually are, and most are those of abandoned queries.
  [[nodiscard]] bool is_clogged() const { return mux_.in_flight() >= crowded_from_ && 2 * waited_for() < in_flight(); }
  [[nodiscard]] std::size_t probes() const { return probe_.is_under_way ? 1 : 0; }

  Mux mux_;
  std::size_t crowded_from_;
  Liveness liveness_;
  Probe probe_;
  std::optional<runtime::Time> asked_about_server_;  // since when the probe under way is waited for by us
  bool is_silent_ = false;                           // fall_silent() was called of the probe under way
  // Of the probe under way: a reply to a query that was sent until then, and that comes next, is due to the probe.
  std::optional<runtime::Time> lying_until_;
  std::uint64_t answered_ = 0;
};

}  // namespace pillion::upstream
