#pragma once
// The measures of one server, one after the other, over connections of its own.

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "probe/figures.hpp"
#include "probe/owned_connection.hpp"
#include "probe/settings.hpp"
#include "upstream/tls.hpp"

namespace pillion::probe {

/// What is being measured, and which part of all is done: 0 to 1.
using ShowStep = std::function<void(std::string_view step, double part)>;

class Measurement {
 public:
  /// All outlive it. `tls`: nullptr unless the target's protocol is tls. Throws as upstream::TlsIdentity does.
  Measurement(runtime::Loop& loop, const ProbeTarget& target, const ProbeNames& names, const ProbeLimits& limits,
              upstream::TlsContext* tls, ShowStep show);

  /// All but the idle timeout.
  [[nodiscard]] boost::asio::awaitable<void> measure();
  /// Waits for the server to close an idle connection; at once where it could not be asked, or nobody wants to know.
  [[nodiscard]] boost::asio::awaitable<void> measure_idle();

  [[nodiscard]] const ServerFigures& figures() const { return figures_; }

 private:
  [[nodiscard]] upstream::ServerAccess make_access();
  [[nodiscard]] bool has_time();
  [[nodiscard]] runtime::Time patience_end();
  void fail(const ProbeFailure& failure);
  void note(const ReplyFacts& reply);

  // Each may leave figures_.failure, after which nothing more is measured.
  [[nodiscard]] boost::asio::awaitable<void> measure_full_handshakes();
  [[nodiscard]] boost::asio::awaitable<void> measure_resumed_handshakes();
  [[nodiscard]] boost::asio::awaitable<void> measure_latency();
  [[nodiscard]] boost::asio::awaitable<void> measure_in_flight();
  [[nodiscard]] boost::asio::awaitable<void> measure_throughput();
  [[nodiscard]] boost::asio::awaitable<void> measure_behaviour();

  /// The connection that is used is open; else another one is opened. False where it cannot be.
  [[nodiscard]] boost::asio::awaitable<bool> be_open();
  [[nodiscard]] boost::asio::awaitable<void> leave();
  /// One question, and the reply to it; nullopt where there is none.
  [[nodiscard]] boost::asio::awaitable<std::optional<ReplyFacts>> ask(dns::Buffer name, std::uint16_t type,
                                                                      bool wants_dnssec);
  [[nodiscard]] boost::asio::awaitable<void> sample(bool is_cold, LatencyFigures& figures);
  /// Sends `count` slow queries and a quick one behind them: true if the server answers the quick one as if it were
  /// alone, and so has read it while it works on the others. nullopt where there is no answer.
  [[nodiscard]] boost::asio::awaitable<std::optional<bool>> reads_behind(std::size_t count);
  [[nodiscard]] boost::asio::awaitable<void> ask_large_over_tcp();
  [[nodiscard]] dns::Buffer random_name(dns::Bytes zone);

  runtime::Loop& loop_;
  const ProbeTarget& target_;
  const ProbeNames& names_;
  const ProbeLimits& limits_;
  upstream::TlsContext* tls_;
  ShowStep show_;
  upstream::ServerAccess access_;
  std::unique_ptr<OwnedConnection> connection_;
  runtime::Time until_;
  unsigned openings_ = 0;
  std::vector<std::size_t> padded_sizes_;  // of answers, bytes
  ServerFigures figures_;
};

}  // namespace pillion::probe
