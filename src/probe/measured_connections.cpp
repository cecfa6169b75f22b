// The parts of Measurement that measure connections: their handshakes, and many queries on one connection.

#include <algorithm>
#include <deque>
#include <utility>

#include "probe/certificates.hpp"
#include "probe/measurement.hpp"

namespace pillion::probe {
namespace asio = boost::asio;

asio::awaitable<void> Measurement::measure_full_handshakes() {
  if (target_.protocol == config::Protocol::tls) figures_.tls.emplace();
  std::vector<runtime::Duration> connects;
  std::vector<runtime::Duration> handshakes;
  for (unsigned i = 0; i < limits_.handshakes && has_time(); ++i) {
    auto access = make_access();
    if (access.identity) {
      access.identity->watch_certificates(
          [this](const STACK_OF(X509) * chain) { figures_.tls->chain = read_certificates(chain); });
    }
    OwnedConnection connection(loop_, access);
    const auto opened = co_await connection.open();
    co_await connection.close();
    if (!opened) {
      fail(opened.error());
      break;
    }
    connects.push_back(opened->connect);
    if (!figures_.tls) continue;
    handshakes.push_back(opened->handshake.duration);
    figures_.tls->version = opened->handshake.version;
    figures_.tls->group = opened->handshake.group;
    figures_.tls->cipher = opened->handshake.cipher;
  }
  if (target_.protocol != config::Protocol::udp) figures_.connect = median_of(std::move(connects));
  if (figures_.tls) figures_.tls->full = median_of(std::move(handshakes));
}

asio::awaitable<void> Measurement::measure_resumed_handshakes() {
  if (!figures_.tls) co_return;
  std::vector<runtime::Duration> handshakes;
  // The first connection receives a session ticket, which arrives before the first answer.
  for (unsigned i = 0; i < limits_.handshakes && has_time(); ++i) {
    const auto answered = co_await ask(target_.zone, dns::type::a, false);
    if (!answered || figures_.failure) break;
    co_await leave();
    connection_ = std::make_unique<OwnedConnection>(loop_, access_);
    const auto opened = co_await connection_->open();
    if (!opened) {
      fail(opened.error());
      break;
    }
    if (opened->handshake.resumed) handshakes.push_back(opened->handshake.duration);
  }
  figures_.tls->resumed = median_of(std::move(handshakes));
}

asio::awaitable<std::optional<bool>> Measurement::reads_behind(std::size_t count) {
  const bool is_open = co_await be_open();
  if (!is_open) co_return std::nullopt;
  AskedQuery quick(target_.zone, dns::type::a, false, [this] { connection_->notify(); });
  bool slow_one_was_first = false;
  const auto note_slow_one = [this, &quick, &slow_one_was_first] {
    slow_one_was_first |= quick.is_under_way();
    connection_->notify();
  };
  std::deque<AskedQuery> slow;
  for (std::size_t i = 0; i < count; ++i)
    slow.emplace_back(random_name(target_.zone), dns::type::a, false, note_slow_one);
  for (auto& query : slow) connection_->submit(query);
  connection_->submit(quick);
  std::function<bool()> has_ended = [&quick] { return !quick.is_under_way(); };
  co_await connection_->wait_until(std::move(has_ended), patience_end());
  std::optional<bool> was_read;
  // If the server happens to have a slow name in its cache, that answer may come first nevertheless.
  if (quick.reply()) was_read = !slow_one_was_first || quick.reply()->latency < figures_.cold.latency->p50 / 2;
  std::function<bool()> have_ended = [&slow] { return std::ranges::none_of(slow, &AskedQuery::is_under_way); };
  co_await connection_->wait_until(std::move(have_ended), patience_end());
  connection_->abandon(quick);
  for (auto& query : slow) connection_->abandon(query);
  co_return was_read;
}

asio::awaitable<void> Measurement::measure_in_flight() {
  const auto& hot = figures_.hot.latency;
  const auto& cold = figures_.cold.latency;
  // Below this difference, quick and slow answers cannot be told apart.
  constexpr std::chrono::milliseconds clearly{2};
  if (target_.protocol == config::Protocol::udp || !hot || !cold) co_return;
  if (cold->p50 < 4 * hot->p50 || cold->p50 - hot->p50 < clearly) co_return;
  InFlightSearch search(limits_.in_flight);
  while (const auto count = search.next()) {
    if (!has_time()) co_return;
    const auto was_read = co_await reads_behind(*count);
    if (!was_read) co_return;
    search.note(*was_read);
  }
  figures_.in_flight = InFlightFigures{.served = search.served(), .is_limit = search.has_limit()};
}

asio::awaitable<void> Measurement::measure_throughput() {
  if (limits_.pipelined == 0) co_return;
  const bool is_open = co_await be_open();
  if (!is_open) co_return;
  std::deque<AskedQuery> queries;
  unsigned ended = 0;
  const auto wake = [this, &ended] {
    ++ended;
    connection_->notify();
  };
  const auto width = std::min<std::size_t>(limits_.pipelined_in_flight, limits_.pipelined);
  for (std::size_t i = 0; i < width; ++i) queries.emplace_back(target_.zone, dns::type::a, false, wake);
  const auto started = loop_.clock().refresh();
  const auto end = std::min(started + limits_.pipelined_for, until_);
  const auto last = std::min(end + limits_.patience, until_);
  PipelineFigures figures{.answered = 0, .took = {}, .in_flight = width};
  for (unsigned sent = 0; loop_.clock().now() < last;) {
    for (auto& query : queries) {
      if (query.is_under_way()) continue;
      if (query.take_reply()) {
        ++figures.answered;
        figures.took = connection_->last_heard() - started;
      }
      if (sent == limits_.pipelined || loop_.clock().now() >= end || !connection_->is_open()) continue;
      connection_->submit(query);
      ++sent;
    }
    if (std::ranges::none_of(queries, &AskedQuery::is_under_way)) break;
    std::function<bool()> has_ended = [&ended, seen = ended] { return ended != seen; };
    co_await connection_->wait_until(std::move(has_ended), last);
  }
  for (auto& query : queries) connection_->abandon(query);
  figures_.pipelined = figures;
}

}  // namespace pillion::probe
