#pragma once
// Measures one server step by step, over its own connections.

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "probe/figures.hpp"
#include "probe/owned_connection.hpp"
#include "probe/settings.hpp"
#include "upstream/tls_context.hpp"
#include "upstream/tls_identity.hpp"

namespace pillion::probe {

/// Called with the name of the current step, and the part of the whole that is done: 0 to 1.
using ShowStep = std::function<void(std::string_view step, double part)>;

class Measurement {
 public:
  /// Everything referred to must outlive this. `tls` is nullptr unless the target's protocol is tls. Throws what
  /// upstream::TlsIdentity throws.
  Measurement(runtime::Loop& loop, const ProbeTarget& target, const ProbeNames& names, const ProbeLimits& limits,
              upstream::TlsContext* tls, ShowStep show);

  /// Measures everything except the idle timeout.
  [[nodiscard]] boost::asio::awaitable<void> measure();
  /// Measures when the server closes an idle connection. Returns at once if the measurement has failed, if limits.idle
  /// is 0, or over UDP.
  [[nodiscard]] boost::asio::awaitable<void> measure_idle();

  [[nodiscard]] const ProbeFigures& figures() const { return figures_; }

 private:
  [[nodiscard]] upstream::ServerAccess make_access();
  [[nodiscard]] bool has_time();
  [[nodiscard]] runtime::Time patience_end();
  void fail(const ProbeFailure& failure);
  void note(const ReplyFacts& reply);

  // Each step may set figures_.failure, after which no step runs.
  [[nodiscard]] boost::asio::awaitable<void> measure_full_handshakes();
  [[nodiscard]] boost::asio::awaitable<void> measure_resumed_handshakes();
  [[nodiscard]] boost::asio::awaitable<void> measure_latency();
  [[nodiscard]] boost::asio::awaitable<void> measure_in_flight();
  [[nodiscard]] boost::asio::awaitable<void> measure_throughput();
  [[nodiscard]] boost::asio::awaitable<void> measure_behaviour();

  /// Opens a connection unless the current one is open. False if it cannot be opened.
  [[nodiscard]] boost::asio::awaitable<bool> be_open();
  [[nodiscard]] boost::asio::awaitable<void> leave();
  /// Asks one question, over another connection if the server ends the first. nullopt if there is no reply, for which
  /// no_answer_ then has the reason, or if no connection could be opened.
  [[nodiscard]] boost::asio::awaitable<std::optional<ReplyFacts>> ask(dns::Buffer name, std::uint16_t type,
                                                                      bool wants_dnssec);
  [[nodiscard]] boost::asio::awaitable<void> sample(bool is_cold, LatencyFigures& figures);
  /// Sends `count` slow queries and then a quick one. True if the server answers the quick one as fast as without the
  /// others, which shows that it reads it while it works on them. nullopt if there is no answer.
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
  ProbeFailure no_answer_{};
  std::vector<std::size_t> padded_sizes_;  // sizes of padded answers in bytes
  ProbeFigures figures_;
};

}  // namespace pillion::probe
