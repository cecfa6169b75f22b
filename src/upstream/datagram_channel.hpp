#pragma once
// A server that is asked over UDP, and over TCP if the query or the answer is too long for a datagram (RFC 7766
// section 5), or if what arrives might be forged. Pure.

#include <array>
#include <memory>
#include <utility>

#include "runtime/memory.hpp"
#include "runtime/schedule.hpp"
#include "runtime/slab.hpp"
#include "upstream/channel.hpp"

namespace pillion::upstream {

class DatagramChannel final : public Channel {
 public:
  /// The query is sent again after this long without a reply, since a datagram may be lost.
  static constexpr std::chrono::milliseconds resend_after{1000};
  /// How long TCP may take after a truncated answer. After that the truncated answer is the result.
  static constexpr std::chrono::milliseconds stream_patience{3000};
  /// Queries longer than this (bytes, with our EDNS) go over TCP at once, since a datagram of that size may be
  /// fragmented (RFC 9715).
  static constexpr std::size_t max_datagram = 1232;
  /// The most queries in progress.
  static constexpr std::size_t max_queries = 16'384;

  /// `udp` and `tcp` ask the same server. Queries take their bytes from `memory`, which must outlive this.
  DatagramChannel(runtime::Schedule& schedule, runtime::MemoryShare& memory, std::unique_ptr<Channel> udp,
                  std::unique_ptr<Channel> tcp);

  void start() override { udp_->start(); }
  [[nodiscard]] std::optional<Error> submit(Query& query, runtime::Time now) override;
  void stop() override;
  [[nodiscard]] bool trim() override;
  [[nodiscard]] bool empty() const override { return udp_->empty() && tcp_->empty(); }
  [[nodiscard]] const ServerProfile& profile() const override { return udp_->profile(); }
  [[nodiscard]] const std::string& server() const override { return udp_->server(); }
  [[nodiscard]] bool tried() const override { return udp_->tried(); }
  [[nodiscard]] ServerMetrics& metrics() override { return udp_->metrics(); }
  void count_failure(Error error, runtime::Time now) override { udp_->count_failure(error, now); }
  [[nodiscard]] ServerFacts facts(runtime::Time now) const override;
  void on_recovery(std::function<void()> listener) override { udp_->on_recovery(std::move(listener)); }

 private:
  class Transfer;

  /// One sending of a query. If the query is sent again, two are in flight, since the answer to the first may be late.
  class Sending final : public Query {
   public:
    void replied(const Reply& reply) override { transfer->replied(*this, reply); }
    void failed(Error error) override { transfer->failed(*this, error); }
    void delayed() override;

    Transfer* transfer = nullptr;
    bool is_live = false;
  };

  /// One query with its sendings over UDP and TCP.
  class Transfer final : public QueryHolder, runtime::Deadline {
   public:
    Transfer() {
      for (auto& sending : sendings_) sending.transfer = this;
    }
    [[nodiscard]] std::optional<Error> start(DatagramChannel& channel, Query& query, runtime::Time now);
    void abandon(Query& query) override;
    void replied(Sending& sending, const Reply& reply);
    void failed(Sending& sending, Error error);
    void delayed() {
      if (query_ != nullptr) query_->delayed();
    }

   private:
    void expired(runtime::Time now) override;
    void send_again(runtime::Time now);
    [[nodiscard]] std::optional<Error> send(Channel& by, Sending& sending, runtime::Time now);
    void go_over_tcp(Error reason);
    void note_end(Sending& sending);
    void note_tcp(trace::GoesOverTcp::Since since) const;
    void abandon_sendings();
    void end();

    DatagramChannel* channel_ = nullptr;
    Query* query_ = nullptr;
    std::array<Sending, 2> sendings_;
    bool over_tcp_ = false;
    /// The header and question of a truncated reply, with TC; used if TCP brings no answer.
    dns::Buffer truncated_;
    std::uint16_t truncated_rcode_ = 0;
  };

  runtime::Schedule& schedule_;
  std::unique_ptr<Channel> udp_;
  std::unique_ptr<Channel> tcp_;
  runtime::Slab<Transfer> transfers_;
};

}  // namespace pillion::upstream
