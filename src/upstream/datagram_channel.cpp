#include "upstream/datagram_channel.hpp"

#include <algorithm>
#include <utility>

#include "upstream/trace_events.hpp"

namespace pillion::upstream {
namespace {

/// Makes the header and question of a truncated reply, with TC, so that the client asks again over TCP.
void take_truncated(const Query& query, std::uint16_t rcode, dns::Buffer& out) {
  const auto question = dns::MessageView::parse(query.message);
  const auto size = question ? question->question_end() : query.message.size();
  out.assign(query.message.begin(), query.message.begin() + static_cast<std::ptrdiff_t>(size));
  const auto asked = static_cast<std::uint16_t>(dns::read_u16(out, 2) & (dns::flag::rd | dns::flag::cd));
  dns::write_u16(out, 2, static_cast<std::uint16_t>(asked | dns::flag::qr | dns::flag::ra | dns::flag::tc | rcode));
  for (const std::size_t count : {6U, 8U, 10U}) dns::write_u16(out, count, 0);
}

}  // namespace

DatagramChannel::DatagramChannel(runtime::Schedule& schedule, runtime::MemoryShare& memory,
                                 std::unique_ptr<Channel> udp, std::unique_ptr<Channel> tcp)
    : schedule_(schedule),
      udp_(std::move(udp)),
      tcp_(std::move(tcp)),
      transfers_(max_queries, memory, sizeof(Transfer)) {}

std::optional<Error> DatagramChannel::submit(Query& query, runtime::Time now) {
  auto* const transfer = transfers_.acquire();
  if (transfer == nullptr) {
    udp_->count_failure(Error::overloaded, now);
    trace::note(*query.trace,
                [&] { return trace::NotAsked{.server = server(), .error = Error::overloaded, .detail = {}}; });
    return Error::overloaded;
  }
  return transfer->start(*this, query, now);
}

ServerFacts DatagramChannel::facts(runtime::Time now) const {
  auto facts = udp_->facts(now);
  auto fallback = tcp_->facts(now);
  facts.fallback_connections = std::move(fallback.connections);
  const bool is_newer =
      fallback.last_failure && (!facts.last_failure || facts.last_failure->at < fallback.last_failure->at);
  if (is_newer) facts.last_failure = std::move(fallback.last_failure);
  return facts;
}

void DatagramChannel::stop() {
  udp_->stop();
  tcp_->stop();
}

bool DatagramChannel::trim() {
  return transfers_.trim();
}

void DatagramChannel::Shot::delayed() {
  transfer->delayed();
}

std::optional<Error> DatagramChannel::Transfer::start(DatagramChannel& channel, Query& query, runtime::Time now) {
  channel_ = &channel;
  query_ = &query;
  query.holder = this;
  truncated_.clear();
  // bytes that EDNS adds at most: the record and our options
  constexpr std::size_t edns_size = 11 + 4;
  over_tcp_ = query.message.size() + (query.opaque ? 0 : edns_size) > max_datagram;
  shots_[0].suspicion = query.suspicion;
  if (over_tcp_) note_tcp(trace::GoesOverTcp::Since::too_long);
  const auto error = shoot(over_tcp_ ? *channel.tcp_ : *channel.udp_, shots_[0], now);
  if (error) end();
  return error;
}

std::optional<Error> DatagramChannel::Transfer::shoot(Channel& by, Shot& shot, runtime::Time now) {
  shot.message = query_->message;
  shot.dnssec_ok = query_->dnssec_ok;
  shot.opaque = query_->opaque;
  shot.suspicion = query_->suspicion;
  shot.trace = query_->trace;
  shot.is_live = true;
  // Set before submit(), from within which an error may come.
  if (!over_tcp_) channel_->schedule_.set_deadline(*this, now + resend_after);
  const auto error = by.submit(shot, now);
  if (error) shot.is_live = false;
  return error;
}

void DatagramChannel::Transfer::note_end(Shot& shot) {
  query_->suspicion = shot.suspicion;
}

void DatagramChannel::Transfer::abandon(Query& /*query*/) {
  query_ = nullptr;
  abandon_shots();
  end();
}

/// Abandons the shots and ignores what they still report.
void DatagramChannel::Transfer::abandon_shots() {
  auto* const query = std::exchange(query_, nullptr);
  for (auto& shot : shots_) {
    if (std::exchange(shot.is_live, false)) shot.holder->abandon(shot);
  }
  query_ = query;
}

void DatagramChannel::Transfer::end() {
  channel_->schedule_.clear_deadline(*this);
  for (auto& shot : shots_) dns::recycle(shot.message);
  dns::recycle(truncated_);
  channel_->transfers_.release(*this);
}

void DatagramChannel::Transfer::replied(Shot& shot, const Reply& reply) {
  shot.is_live = false;
  if (query_ == nullptr) return;
  note_end(shot);
  if (reply.is_truncated && !over_tcp_) {
    trace::note(*query_->trace, [&] { return trace::replied(channel_->server(), reply); });
    take_truncated(shot, reply.rcode, truncated_);
    truncated_rcode_ = reply.rcode;
    return go_over_tcp(Error::query_too_large);
  }
  abandon_shots();
  auto& query = *query_;
  end();
  query.replied(reply);
}

void DatagramChannel::Transfer::failed(Shot& shot, Error error) {
  shot.is_live = false;
  if (query_ == nullptr) return;
  note_end(shot);
  if (!over_tcp_ && traits(error).is_mended_by_stream) return go_over_tcp(error);
  if (std::ranges::any_of(shots_, &Shot::is_live)) return;
  auto& query = *query_;
  const auto truncated = std::exchange(truncated_, {});
  const auto rcode = truncated_rcode_;
  end();
  if (truncated.empty()) return query.failed(error);
  Reply reply{.message = {}, .rcode = rcode, .is_truncated = true};
  if (const auto view = dns::MessageView::parse(truncated)) reply.message = *view;
  query.replied(reply);
}

void DatagramChannel::Transfer::go_over_tcp(Error reason) {
  using Since = trace::GoesOverTcp::Since;
  note_tcp(!truncated_.empty()                ? Since::truncated
           : reason == Error::query_too_large ? Since::too_long
                                              : Since::mismatched);
  abandon_shots();
  channel_->schedule_.clear_deadline(*this);
  over_tcp_ = true;
  auto& shot = shots_[0];
  const auto now = channel_->schedule_.clock().now();
  if (!truncated_.empty()) channel_->schedule_.set_deadline(*this, now + stream_patience);
  const auto error = shoot(*channel_->tcp_, shot, now);
  if (error) failed(shot, truncated_.empty() ? reason : *error);
}

void DatagramChannel::Transfer::note_tcp(trace::GoesOverTcp::Since since) const {
  trace::note(*query_->trace, [&] { return trace::GoesOverTcp{.server = channel_->server(), .since = since}; });
}

void DatagramChannel::Transfer::expired(runtime::Time now) {
  if (!over_tcp_) return send_again(now);
  abandon_shots();
  channel_->tcp_->count_failure(Error::timeout, now);
  failed(shots_[0], Error::timeout);
}

/// Sends the query again with another id, and perhaps from another port. The first shot is kept until the end, since
/// it is the likeliest to be answered; of the later ones, only the newest is kept.
void DatagramChannel::Transfer::send_again(runtime::Time now) {
  trace::note(*query_->trace, [&] { return trace::SentAgain{.server = channel_->server()}; });
  auto* const shot = shots_[0].is_live ? &shots_[1] : &shots_[0];
  if (std::exchange(shot->is_live, false)) shot->holder->abandon(*shot);
  // If the server is backed off from, the earlier shots are all there is.
  const auto error = shoot(*channel_->udp_, *shot, now);
  if (error && std::ranges::none_of(shots_, &Shot::is_live)) failed(*shot, *error);
}

}  // namespace pillion::upstream
