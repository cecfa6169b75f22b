#include "probe/owned_connection.hpp"

#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace pillion::probe {
namespace asio = boost::asio;

OwnedConnection::OwnedConnection(runtime::Loop& loop, upstream::ServerAccess& access)
    : loop_(loop), wakeup_(loop.io()), connection_(upstream::make_connection(loop, access, *this, profile_)) {}

asio::awaitable<void> OwnedConnection::wait_until(std::function<bool()> holds, runtime::Time deadline) {
  boost::system::error_code ignored;
  while (!holds() && loop_.clock().refresh() < deadline) {
    wakeup_.expires_at(deadline);
    co_await wakeup_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<std::expected<Opening, ProbeFailure>> OwnedConnection::open() {
  started_ = loop_.clock().refresh();
  connection_->start();
  // No deadline here, since the connection has its own.
  std::function<bool()> is_decided = [this] { return opening_ || end_; };
  co_await wait_until(std::move(is_decided), runtime::Time::max());
  if (opening_) co_return *opening_;
  co_return std::unexpected(*end_);
}

bool OwnedConnection::is_open() const {
  return opening_ && upstream::takes_queries(connection_->state()) && connection_->has_room();
}

void OwnedConnection::submit(AskedQuery& query) {
  query.begin();
  if (end_) return query.failed(end_->error);
  connection_->submit(query, loop_.clock().refresh());
}

void OwnedConnection::abandon(AskedQuery& query) {
  if (!query.is_under_way()) return;
  query.give_up();
  connection_->abandon(query);
}

ProbeFailure OwnedConnection::why_unanswered(const AskedQuery& query) const {
  ProbeFailure failure{.error = query.error().value_or(upstream::Error::timeout), .detail = {}};
  if (end_ && end_->error == failure.error) failure.detail = end_->detail;
  return failure;
}

asio::awaitable<void> OwnedConnection::close() {
  connection_->retire();
  std::function<bool()> is_over = [this] { return is_gone_; };
  co_await wait_until(std::move(is_over), runtime::Time::max());
}

void OwnedConnection::ready(upstream::Connection& /*connection*/, const upstream::Handshake& handshake) {
  last_heard_ = loop_.clock().now();
  const auto since_start = last_heard_ - started_;
  opening_ = Opening{.handshake = handshake, .connect = since_start - handshake.duration};
  notify();
}

void OwnedConnection::received(upstream::Connection& /*connection*/, const upstream::Mux::Received& received) {
  last_heard_ = loop_.clock().now();
  if (received.query == nullptr) return;
  if (received.reply) {
    received.query->replied(*received.reply);
  } else {
    received.query->failed(received.reply.error());
  }
}

void OwnedConnection::unsendable(upstream::Connection& /*connection*/, upstream::Query& query) {
  query.failed(upstream::Error::query_too_large);
}

void OwnedConnection::closed(upstream::Connection& /*connection*/, std::optional<upstream::Error> error,
                             std::string detail, std::vector<upstream::Query*> lost) {
  ended_at_ = loop_.clock().now();
  const auto reason = error.value_or(upstream::Error::closed);
  end_ = ProbeFailure{.error = reason, .detail = std::move(detail)};
  for (auto* const query : lost) query->failed(reason);
  notify();
}

void OwnedConnection::gone(upstream::Connection& /*connection*/) {
  is_gone_ = true;
  notify();
}

}  // namespace pillion::probe
