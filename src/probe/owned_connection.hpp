#pragma once
// A connection of upstream/ that a coroutine owns and asks over, as a pool owns its connections.

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

/// The outcome of opening a connection.
struct Opening {
  upstream::Handshake handshake;
  runtime::Duration connect{};  ///< duration of TCP's handshake; zero over UDP
};

class OwnedConnection final : upstream::ConnectionEvents {
 public:
  /// Both must outlive the connection.
  OwnedConnection(runtime::Loop& loop, upstream::ServerAccess& access);
  /// Call close() and wait for it first, unless open() was never called.
  ~OwnedConnection() = default;
  OwnedConnection(const OwnedConnection&) = delete;
  OwnedConnection& operator=(const OwnedConnection&) = delete;

  /// Opens the connection. Returns when queries may be sent; the error says why they cannot.
  [[nodiscard]] boost::asio::awaitable<std::expected<Opening, ProbeFailure>> open();
  /// True if queries may be sent.
  [[nodiscard]] bool is_open() const;
  /// True if the server has ended the connection in any way.
  [[nodiscard]] bool was_ended_by_server() const { return connection_->was_ended_by_server(); }
  /// When the last message arrived, or else when the connection was opened.
  [[nodiscard]] runtime::Time last_heard() const { return last_heard_; }
  /// When the connection ended, or nullopt while it has not.
  [[nodiscard]] std::optional<runtime::Time> ended_at() const { return ended_at_; }

  /// Why the query, which was submitted here, has no reply. Error::timeout if it was abandoned.
  [[nodiscard]] ProbeFailure why_unanswered(const AskedQuery& query) const;

  /// Sends the query at the end of the turn. Call open() first. If the connection has ended since, the query fails at
  /// once. The query must stay at its address until it has ended or is abandoned.
  void submit(AskedQuery& query);
  /// Ends the wait for the query, if it is in flight.
  void abandon(AskedQuery& query);

  /// Makes wait_until() test its condition again. Called by the queries' `ended`.
  void notify() { wakeup_.cancel(); }
  /// Returns when `holds()` returns true, or at `deadline`. Only one caller may wait.
  [[nodiscard]] boost::asio::awaitable<void> wait_until(std::function<bool()> holds, runtime::Time deadline);

  /// Closes the connection. Returns when nothing refers to it any more.
  [[nodiscard]] boost::asio::awaitable<void> close();

 private:
  void ready(upstream::Connection& connection, const upstream::Handshake& handshake) override;
  void received(upstream::Connection& connection, const upstream::Mux::Received& received) override;
  void ignored(upstream::Connection& /*connection*/, upstream::Error /*error*/) override {}
  void answered_probe(upstream::Connection& /*connection*/) override {}
  void fell_silent(upstream::Connection& /*connection*/) override {}
  void needs_single_records(upstream::Connection& connection) override { connection.write_singly(); }
  void needs_replacement(upstream::Connection& /*connection*/) override {}
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
  std::optional<ProbeFailure> end_;  // an orderly close by the server is Error::closed
  std::optional<runtime::Time> ended_at_;
  bool is_gone_ = false;
};

}  // namespace pillion::probe
