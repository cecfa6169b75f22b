#pragma once
// DNS over UDP to the cluster's resolver: random ids, no trust in what arrives. Pure: the socket is a Datagrams', the
// time a Schedule's.

#include <functional>
#include <string>

#include "runtime/schedule.hpp"
#include "upstream/connection.hpp"
#include "upstream/datagrams.hpp"
#include "upstream/pipeline.hpp"
#include "upstream/server_profile.hpp"

namespace pillion::upstream {

class DatagramConnection final : public Connection, DatagramEvents, runtime::Deadline {
 public:
  /// Datagrams that answer nothing while queries wait, after which those are asked for elsewhere and the port is given
  /// up: somebody may be guessing ids.
  static constexpr unsigned strays_to_leave = 16;
  /// How often a server in doubt is asked again, since a datagram may be lost.
  static constexpr std::chrono::milliseconds prove_again_after{250};

  /// `schedule`, `limits`, `profile` and `events` outlive the connection. `random_id` as Mux takes it.
  DatagramConnection(runtime::Schedule& schedule, std::function<std::uint16_t()> random_id, const Encoding& encoding,
                     const ConnectionLimits& limits, ServerProfile& profile, ConnectionEvents& events,
                     const MakeDatagrams& make)
      : schedule_(schedule),
        encoding_(encoding),
        limits_(limits),
        profile_(profile),
        events_(events),
        datagrams_(make(*this)),
        pipeline_(Mux::Path::datagrams, limits.max_in_flight, std::move(random_id)) {}

  void start() override { datagrams_->open(); }
  void submit(Query& query, runtime::Time now) override;
  void prove(runtime::Time now) override;
  void abandon(Query& query) override;
  void retire() override;
  void close() override { finish(std::nullopt, {}); }
  [[nodiscard]] ConnectionState state() const override { return state_; }
  [[nodiscard]] std::size_t in_flight() const override { return pipeline_.in_flight(); }
  [[nodiscard]] std::size_t waited_for() const override { return pipeline_.waited_for(); }
  [[nodiscard]] bool has_room() const override { return pipeline_.has_room(); }
  [[nodiscard]] std::uint64_t answered() const override { return pipeline_.answered(); }
  [[nodiscard]] bool was_ended_by_server() const override { return ended_by_server_; }

 private:
  void opened() override;
  void arrived(dns::Bytes datagram, bool is_cut) override;
  [[nodiscard]] bool expects_more() const override { return pipeline_.in_flight() > 0 || pipeline_.is_probing(); }
  void too_large(std::uint16_t id) override;
  void failed(Error error, std::string detail) override;
  void released() override { events_.gone(*this); }
  void expired(runtime::Time now) override;

  [[nodiscard]] runtime::Time now() { return schedule_.clock().now(); }
  void stray(Error error);
  void send(const Query& query);
  void watch(runtime::Time now);
  [[nodiscard]] bool look_at_silence(runtime::Time now);
  [[nodiscard]] runtime::Duration patience() const;
  void wear_out();
  void finish_if_drained();
  void finish(std::optional<Error> error, std::string detail);

  runtime::Schedule& schedule_;
  Encoding encoding_;
  const ConnectionLimits& limits_;
  ServerProfile& profile_;
  ConnectionEvents& events_;
  std::unique_ptr<Datagrams> datagrams_;
  Pipeline pipeline_;
  ConnectionState state_ = ConnectionState::connecting;
  bool ended_by_server_ = false;
  std::uint64_t sent_ = 0;
  runtime::Time opened_at_;
  unsigned strays_ = 0;
};

}  // namespace pillion::upstream
