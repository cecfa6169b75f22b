#pragma once
// What all connections have in common: their queries in flight, and the reaction to silence. Pure.

#include <functional>
#include <string>

#include "runtime/schedule.hpp"
#include "upstream/connection.hpp"
#include "upstream/observer.hpp"
#include "upstream/pipeline.hpp"
#include "upstream/server_profile.hpp"

namespace pillion::upstream {

class PipelinedConnection : public Connection, protected runtime::Deadline {
 public:
  /// Takes an id for the query, sends it, and watches for silence.
  void submit(Query& query, runtime::Time now) override;
  [[nodiscard]] ConnectionState state() const override { return state_; }
  [[nodiscard]] std::size_t in_flight() const override { return pipeline_.in_flight(); }
  [[nodiscard]] std::size_t waited_for() const override { return pipeline_.waited_for(); }
  [[nodiscard]] bool has_room() const override { return pipeline_.has_room(); }
  [[nodiscard]] std::uint64_t answered() const override { return pipeline_.answered(); }
  [[nodiscard]] bool was_ended_by_server() const override { return ended_by_server_; }

  /// Tells `observer`, which outlives the connection, of each message from now on; nullptr: nobody.
  void observe(MessageObserver* observer) { observer_ = observer; }

 protected:
  /// `schedule`, `limits`, `profile` and `events` must outlive the connection. `path` and `random_id` are as Mux takes
  /// them.
  PipelinedConnection(runtime::Schedule& schedule, Mux::Path path, std::function<std::uint16_t()> random_id,
                      const Encoding& encoding, const ConnectionLimits& limits, ServerProfile& profile,
                      ConnectionEvents& events)
      : schedule_(schedule),
        encoding_(encoding),
        limits_(limits),
        profile_(profile),
        events_(events),
        pipeline_(path, limits.max_in_flight, limits.usual_in_flight, std::move(random_id)) {}

  /// Writes the query with its id at the end of the turn.
  virtual void send(const Query& query) = 0;
  /// Like Stream::delivery().
  [[nodiscard]] virtual std::optional<Delivery> delivery() { return std::nullopt; }
  /// Ends the connection at once and tells the pool.
  virtual void finish(std::optional<Error> error, std::string detail) = 0;

  [[nodiscard]] runtime::Time now() { return schedule_.clock().now(); }
  /// Appends the query as it goes out to `out`, which is what its observer sees.
  void encode(const Query& query, dns::Buffer& out);
  /// A reply, as it came, of which this has been made.
  void tell_received(dns::Bytes message, const Mux::Received& received);
  /// A reply has arrived: a proving or silent connection becomes ready.
  void note_heard();
  /// True if the server owes an answer.
  [[nodiscard]] bool owes_answer() const { return pipeline_.in_flight() > 0 || pipeline_.is_probing(); }
  /// Reacts to silence, and to ids that are in use for too long. False if the connection has ended.
  [[nodiscard]] bool look_at_silence(runtime::Time now);
  /// When to call look_at_silence() again; nullopt if nothing is in flight.
  [[nodiscard]] std::optional<runtime::Time> look_at(runtime::Time now) const;
  void begin_retiring();

  runtime::Schedule& schedule_;
  Encoding encoding_;
  const ConnectionLimits& limits_;
  ServerProfile& profile_;
  ConnectionEvents& events_;
  Pipeline pipeline_;
  ConnectionState state_ = ConnectionState::connecting;
  bool ended_by_server_ = false;

 private:
  MessageObserver* observer_ = nullptr;

  /// After this many retransmissions in a row without an acknowledgement (600 ms or more by the kernel's timer), the
  /// path is dead.
  static constexpr unsigned retransmissions_of_dead_path = 2;

  void react_to_silence(runtime::Time now);
  void fall_silent();
  [[nodiscard]] bool is_path_dead();
  [[nodiscard]] bool is_server_slow();
  [[nodiscard]] runtime::Duration patience() const;
};

}  // namespace pillion::upstream
