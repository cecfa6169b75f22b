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

void DatagramChannel::Sending::delayed() {
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
  sendings_[0].suspicion = query.suspicion;
  if (over_tcp_) note_tcp(trace::GoesOverTcp::Since::too_long);
  const auto error = send(over_tcp_ ? *channel.tcp_ : *channel.udp_, sendings_[0], now);
  if (error) end();
  return error;
}

std::optional<Error> DatagramChannel::Transfer::send(Channel& by, Sending& sending, runtime::Time now) {
  sending.message = query_->message;
  sending.dnssec_ok = query_->dnssec_ok;
  sending.opaque = query_->opaque;
  sending.suspicion = query_->suspicion;
  sending.trace = query_->trace;
  sending.is_live = true;
  // Set before submit(), from within which an error may come.
  if (!over_tcp_) channel_->schedule_.set_deadline(*this, now + resend_after);
  const auto error = by.submit(sending, now);
  if (error) sending.is_live = false;
  return error;
}

void DatagramChannel::Transfer::note_end(Sending& sending) {
  query_->suspicion = sending.suspicion;
}

void DatagramChannel::Transfer::abandon(Query& /*query*/) {
  query_ = nullptr;
  abandon_sendings();
  end();
}

/// Abandons the sendings and ignores what they still report.
void DatagramChannel::Transfer::abandon_sendings() {
  auto* const query = std::exchange(query_, nullptr);
  for (auto& sending : sendings_) {
    if (std::exchange(sending.is_live, false)) sending.holder->abandon(sending);
  }
  query_ = query;
}

void DatagramChannel::Transfer::end() {
  channel_->schedule_.clear_deadline(*this);
  for (auto& sending : sendings_) dns::recycle(sending.message);
  dns::recycle(truncated_);
  channel_->transfers_.release(*this);
}

void DatagramChannel::Transfer::replied(Sending& sending, const Reply& reply) {
  sending.is_live = false;
  if (query_ == nullptr) return;
  note_end(sending);
  if (reply.is_truncated && !over_tcp_) {
    trace::note(*query_->trace, [&] { return trace::replied(channel_->server(), reply); });
    take_truncated(sending, reply.rcode, truncated_);
    truncated_rcode_ = reply.rcode;
    return go_over_tcp(Error::query_too_large);
  }
  abandon_sendings();
  auto& query = *query_;
  end();
  query.replied(reply);
}

void DatagramChannel::Transfer::failed(Sending& sending, Error error) {
  sending.is_live = false;
  if (query_ == nullptr) return;
  note_end(sending);
  if (!over_tcp_ && traits(error).is_mended_by_stream) return go_over_tcp(error);
  if (std::ranges::any_of(sendings_, &Sending::is_live)) return;
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
  abandon_sendings();
  channel_->schedule_.clear_deadline(*this);
  over_tcp_ = true;
  auto& sending = sendings_[0];
  const auto now = channel_->schedule_.clock().now();
  if (!truncated_.empty()) channel_->schedule_.set_deadline(*this, now + stream_patience);
  const auto error = send(*channel_->tcp_, sending, now);
  if (error) failed(sending, truncated_.empty() ? reason : *error);
}

void DatagramChannel::Transfer::note_tcp(trace::GoesOverTcp::Since since) const {
  trace::note(*query_->trace, [&] { return trace::GoesOverTcp{.server = channel_->server(), .since = since}; });
}

void DatagramChannel::Transfer::expired(runtime::Time now) {
  if (!over_tcp_) return send_again(now);
  abandon_sendings();
  channel_->tcp_->count_failure(Error::timeout, now);
  failed(sendings_[0], Error::timeout);
}

/// Sends the query again with another id, and perhaps from another port. The first sending is kept until the end, since
/// it is the likeliest to be answered; of the later ones, only the newest is kept.
void DatagramChannel::Transfer::send_again(runtime::Time now) {
  trace::note(*query_->trace, [&] { return trace::SentAgain{.server = channel_->server()}; });
  auto* const sending = sendings_[0].is_live ? &sendings_[1] : &sendings_[0];
  if (std::exchange(sending->is_live, false)) sending->holder->abandon(*sending);
  // If the server is backed off from, the earlier sendings are all there is.
  const auto error = send(*channel_->udp_, *sending, now);
  if (error && std::ranges::none_of(sendings_, &Sending::is_live)) failed(*sending, *error);
}

}  // namespace pillion::upstream
