#pragma once
// DNS over a byte stream: TCP (RFC 7766) and TLS (RFC 7858). Pure: the bytes are a Stream's, the time a Schedule's.

#include <functional>
#include <string>

#include "runtime/schedule.hpp"
#include "upstream/connection.hpp"
#include "upstream/pipeline.hpp"
#include "upstream/server_profile.hpp"
#include "upstream/stream.hpp"

namespace pillion::upstream {

class StreamConnection final : public Connection, StreamEvents, runtime::Deadline {
 public:
  /// Replies in a row that answer nothing that was asked, after which the connection is worn: it is out of step.
  static constexpr unsigned strays_to_wear = 16;

  /// `schedule`, `limits`, `profile` and `events` outlive the connection. `random_id` as Mux takes it.
  StreamConnection(runtime::Schedule& schedule, std::function<std::uint16_t()> random_id, const Encoding& encoding,
                   const ConnectionLimits& limits, ServerProfile& profile, ConnectionEvents& events,
                   const MakeStream& make)
      : schedule_(schedule),
        encoding_(encoding),
        limits_(limits),
        profile_(profile),
        events_(events),
        stream_(make(*this)),
        pipeline_(Mux::Path::stream, limits.max_in_flight, std::move(random_id)) {}

  void start() override;
  void write_singly() override { stream_->write_singly(); }
  void submit(Query& query, runtime::Time now) override;
  void prove(runtime::Time now) override;
  void abandon(Query& query) override;
  void retire() override;
  void close() override;
  [[nodiscard]] ConnectionState state() const override { return state_; }
  [[nodiscard]] std::size_t in_flight() const override { return pipeline_.in_flight(); }
  [[nodiscard]] std::size_t waited_for() const override { return pipeline_.waited_for(); }
  [[nodiscard]] bool has_room() const override { return pipeline_.has_room(); }
  [[nodiscard]] std::uint64_t answered() const override { return pipeline_.answered(); }
  [[nodiscard]] bool was_ended_by_server() const override { return ended_by_server_; }

 private:
  void connected() override;
  void opened(const Handshake& handshake) override;
  [[nodiscard]] std::size_t arrived(dns::Bytes bytes) override;
  [[nodiscard]] bool expects_more() const override { return pipeline_.in_flight() > 0 || pipeline_.is_probing(); }
  void ended(std::optional<Error> error, std::string detail) override;
  void released() override;
  void expired(runtime::Time now) override;

  [[nodiscard]] runtime::Time now() { return schedule_.clock().now(); }
  [[nodiscard]] bool handle(dns::Bytes message);
  [[nodiscard]] bool asks_to_close(const Reply& reply);
  void send(const Query& query);
  void watch(runtime::Time now);
  [[nodiscard]] bool look_at_silence(runtime::Time now);
  [[nodiscard]] runtime::Duration patience() const;
  void wear_out();
  [[nodiscard]] std::optional<runtime::Duration> idle_timeout() const;
  void finish_orderly();
  void finish(std::optional<Error> error, std::string detail);

  runtime::Schedule& schedule_;
  Encoding encoding_;
  const ConnectionLimits& limits_;
  ServerProfile& profile_;
  ConnectionEvents& events_;
  std::unique_ptr<Stream> stream_;
  Pipeline pipeline_;
  ConnectionState state_ = ConnectionState::connecting;
  bool ended_by_server_ = false;
  unsigned strays_ = 0;                              // replies in a row that answer nothing
  std::optional<runtime::Duration> server_timeout_;  // the server's own word on idle connections, by RFC 7828
};

}  // namespace pillion::upstream
