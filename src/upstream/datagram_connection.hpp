#pragma once
// DNS over UDP to one server. Ids are random, and nothing that arrives is trusted. Pure: a Datagrams has the socket,
// and a Schedule the time.

#include <functional>
#include <string>

#include "upstream/datagrams.hpp"
#include "upstream/pipelined_connection.hpp"

namespace pillion::upstream {

class DatagramConnection final : public PipelinedConnection, DatagramEvents {
 public:
  /// After this many datagrams that answer nothing while queries wait, the queries fail and the port is given up,
  /// since somebody may be guessing ids.
  static constexpr unsigned strays_to_leave = 16;
  /// The interval of probes to a server in doubt, since a datagram may be lost.
  static constexpr std::chrono::milliseconds prove_again_after{250};

  /// `schedule`, `limits`, `profile` and `events` must outlive the connection. `random_id` is as Mux takes it.
  DatagramConnection(runtime::Schedule& schedule, std::function<std::uint16_t()> random_id, const Encoding& encoding,
                     const ConnectionLimits& limits, ServerProfile& profile, ConnectionEvents& events,
                     const MakeDatagrams& make)
      : PipelinedConnection(schedule, Mux::Path::datagrams, std::move(random_id), encoding, limits, profile, events),
        datagrams_(make(*this)) {}

  void start() override { datagrams_->open(); }
  void submit(Query& query, runtime::Time now) override;
  void prove(runtime::Time now) override;
  void abandon(Query& query) override;
  void retire() override;
  void close() override { finish(std::nullopt, {}); }

 private:
  void opened() override;
  void arrived(dns::Bytes datagram, bool is_cut) override;
  [[nodiscard]] bool expects_more() const override { return owes_answer(); }
  void too_large(std::uint16_t id) override;
  void failed(Error error, std::string detail) override;
  void released() override { events_.gone(*this); }
  void expired(runtime::Time now) override;

  void stray(Error error);
  void send(const Query& query) override;
  void watch(runtime::Time now);
  void finish_if_drained();
  void finish(std::optional<Error> error, std::string detail) override;

  std::unique_ptr<Datagrams> datagrams_;
  std::uint64_t sent_ = 0;
  runtime::Time opened_at_;
  unsigned strays_ = 0;
};

}  // namespace pillion::upstream
