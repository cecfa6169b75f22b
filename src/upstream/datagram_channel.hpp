#pragma once
// A server that is asked over UDP, and over TCP where a datagram does not do: the answer or the query is too long for
// one (RFC 7766 section 5), or what comes back cannot be told from a forgery. Pure.

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
  /// A datagram may be lost: without a reply for so long, the query is sent again.
  static constexpr std::chrono::milliseconds resend_after{1000};
  /// So long TCP may take after a truncated answer, which is then handed on as it is.
  static constexpr std::chrono::milliseconds stream_patience{3000};
  /// Queries longer than this, in bytes with our EDNS, go over TCP at once: a datagram as long may have to be cut into
  /// fragments on its way (RFC 9715).
  static constexpr std::size_t max_datagram = 1232;
  /// Queries under way.
  static constexpr std::size_t max_queries = 16'384;

  /// `udp` and `tcp` ask the same server. What is under way takes of `memory`, which outlives this.
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

  /// One sending of a query. Two are under way at once where it is sent again: the answer to the first may be late.
  class Shot final : public Query {
   public:
    void replied(const Reply& reply) override { transfer->replied(*this, reply); }
    void failed(Error error) override { transfer->failed(*this, error); }
    void delayed() override;

    Transfer* transfer = nullptr;
    bool is_live = false;
  };

  /// A query on its way through the datagrams and the stream.
  class Transfer final : public Carrier, runtime::Deadline {
   public:
    Transfer() {
      for (auto& shot : shots_) shot.transfer = this;
    }
    [[nodiscard]] std::optional<Error> start(DatagramChannel& channel, Query& query, runtime::Time now);
    void abandon(Query& query) override;
    void replied(Shot& shot, const Reply& reply);
    void failed(Shot& shot, Error error);
    void delayed() {
      if (query_ != nullptr) query_->delayed();
    }

   private:
    void expired(runtime::Time now) override;
    void send_again(runtime::Time now);
    [[nodiscard]] std::optional<Error> shoot(Channel& by, Shot& shot, runtime::Time now);
    void go_over_tcp(Error reason);
    void note_end(Shot& shot);
    void note_tcp(trace::GoesOverTcp::Since since) const;
    void abandon_shots();
    void end();

    DatagramChannel* channel_ = nullptr;
    Query* query_ = nullptr;
    std::array<Shot, 2> shots_;
    bool over_tcp_ = false;
    /// What a datagram said in part, for when TCP says nothing: the header and the question, with TC.
    dns::Buffer truncated_;
    std::uint16_t truncated_rcode_ = 0;
  };

  runtime::Schedule& schedule_;
  std::unique_ptr<Channel> udp_;
  std::unique_ptr<Channel> tcp_;
  runtime::Slab<Transfer> transfers_;
};

}  // namespace pillion::upstream
