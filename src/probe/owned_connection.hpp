#pragma once
// One connection of the machine in upstream/, owned by a coroutine that asks over it, as a pool owns its connections.

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "probe/asked_query.hpp"
#include "probe/figures.hpp"
#include "upstream/make_connection.hpp"

namespace pillion::probe {

/// How a connection was opened.
struct Opening {
  upstream::Handshake handshake;
  runtime::Duration connect{};  ///< of TCP; zero over UDP
};

class OwnedConnection final : upstream::ConnectionEvents {
 public:
  /// Both outlive it.
  OwnedConnection(runtime::Loop& loop, upstream::ServerAccess& access);
  /// close() has ended, or open() was never called.
  ~OwnedConnection() = default;
  OwnedConnection(const OwnedConnection&) = delete;
  OwnedConnection& operator=(const OwnedConnection&) = delete;

  /// Ends when queries may be sent, or with the reason why not.
  [[nodiscard]] boost::asio::awaitable<std::expected<Opening, ProbeFailure>> open();
  /// Queries may be sent.
  [[nodiscard]] bool is_open() const;
  /// The server has ended it, in whatever way.
  [[nodiscard]] bool was_ended_by_server() const { return connection_->was_ended_by_server(); }
  /// When the last reply to a query arrived, or the connection was opened.
  [[nodiscard]] runtime::Time last_heard() const { return last_heard_; }
  /// When it ended; nullopt while it has not.
  [[nodiscard]] std::optional<runtime::Time> ended_at() const { return ended_at_; }

  /// Sends at the end of the turn. It is open. The query stays where it is until it has ended or is abandoned.
  void submit(AskedQuery& query);
  /// Nobody waits for it any more, if anybody did.
  void abandon(AskedQuery& query);

  /// For the `ended` of queries: has wait_until() look again.
  void notify() { wakeup_.cancel(); }
  /// Ends when `holds()` does, or at `deadline`. One waiter at a time.
  [[nodiscard]] boost::asio::awaitable<void> wait_until(std::function<bool()> holds, runtime::Time deadline);

  /// Says goodbye, and ends when nothing refers to the connection any more.
  [[nodiscard]] boost::asio::awaitable<void> close();

 private:
  void ready(upstream::Connection& connection, const upstream::Handshake& handshake) override;
  void received(upstream::Connection& connection, const upstream::Mux::Received& received) override;
  void ignored(upstream::Connection& /*connection*/, upstream::Error /*error*/) override {}
  void answered_probe(upstream::Connection& /*connection*/) override {}
  void fell_silent(upstream::Connection& /*connection*/) override {}
  void needs_single_records(upstream::Connection& connection) override { connection.write_singly(); }
  void wears_out(upstream::Connection& /*connection*/) override {}
  void unsendable(upstream::Connection& connection, upstream::Query& query) override;
  void closed(upstream::Connection& connection, std::optional<upstream::Error> error, std::string detail,
              std::vector<upstream::Query*> lost) override;
  void gone(upstream::Connection& connection) override;

  runtime::Loop& loop_;
  boost::asio::steady_timer wakeup_;
  upstream::ServerProfile profile_{std::make_shared<upstream::EdnsSupport>()};
  std::unique_ptr<upstream::Connection> connection_;
  runtime::Time started_;
  runtime::Time last_heard_;
  std::optional<Opening> opening_;
  std::optional<ProbeFailure> failure_;
  std::optional<runtime::Time> ended_at_;
  bool is_gone_ = false;
};

}  // namespace pillion::probe
