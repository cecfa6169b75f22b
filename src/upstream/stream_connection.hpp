#pragma once
// DNS over a byte stream: TCP (RFC 7766) and TLS (RFC 7858). Pure: a Stream has the bytes, and a Schedule the time.

#include <cstddef>
#include <functional>
#include <string>

#include "upstream/pipelined_connection.hpp"
#include "upstream/stream.hpp"

namespace pillion::upstream {

class StreamConnection final : public PipelinedConnection, StreamEvents {
 public:
  /// After this many replies in a row that answer no query, the connection is out of step and should be replaced.
  static constexpr unsigned strays_to_retire = 16;
  /// After this many bytes of such replies the connection ends, since reading them without end would keep all others
  /// waiting. It is retiring by then, and what is in flight goes to another connection.
  static constexpr std::size_t stray_bytes_to_end = std::size_t{64} << 10U;

  /// `schedule`, `limits`, `profile` and `events` must outlive the connection. `random_id` is as Mux takes it.
  StreamConnection(runtime::Schedule& schedule, std::function<std::uint16_t()> random_id, const Encoding& encoding,
                   const ConnectionLimits& limits, ServerProfile& profile, ConnectionEvents& events,
                   const MakeStream& make)
      : PipelinedConnection(schedule, Mux::Path::stream, std::move(random_id), encoding, limits, profile, events),
        stream_(make(*this)) {}

  void start() override;
  void write_singly() override { stream_->write_singly(); }
  void prove(runtime::Time now) override;
  void abandon(Query& query) override;
  void retire() override;
  void close() override;

 private:
  void connected() override;
  void opened(const Handshake& handshake) override;
  [[nodiscard]] std::size_t arrived(dns::Bytes bytes) override;
  [[nodiscard]] bool expects_more() const override { return owes_answer(); }
  void ended(std::optional<Error> error, std::string detail) override;
  void released() override;
  void expired(runtime::Time now) override;
  void act_on(runtime::Time now);

  [[nodiscard]] bool handle(dns::Bytes message);
  [[nodiscard]] bool asks_to_close(const Reply& reply);
  void send(const Query& query) override;
  [[nodiscard]] std::optional<Delivery> delivery() override { return stream_->delivery(); }
  void watch(runtime::Time now);
  [[nodiscard]] std::optional<runtime::Duration> idle_timeout() const;
  void finish_orderly();
  void finish(std::optional<Error> error, std::string detail) override;

  std::unique_ptr<Stream> stream_;
  unsigned strays_ = 0;                              // replies in a row that answer no query
  std::size_t stray_bytes_ = 0;                      // bytes of these replies
  runtime::Time last_record_at_;                     // when the first query of the last record was sent
  unsigned answered_of_last_record_ = 0;             // replies to its queries while no other record was sent
  std::optional<runtime::Duration> server_timeout_;  // the idle timeout that the server stated (RFC 7828)
};

}  // namespace pillion::upstream
