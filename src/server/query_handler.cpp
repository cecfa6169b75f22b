#include "server/query_handler.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "dns/edns.hpp"
#include "server/compose.hpp"

namespace pillion::server {
namespace {

/// Index into labelled_types by type number, for types below 256.
constexpr auto type_index = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(labelled_types.size());
  for (std::size_t i = 0; i < labelled_types.size(); ++i) table[labelled_types[i]] = static_cast<std::uint8_t>(i);
  return table;
}();

/// True for a request (QR clear) with another opcode than QUERY.
bool is_of_other_opcode(dns::Bytes message) {
  const auto header = dns::Header::of(message);
  return header && !header->is_response() && header->opcode() != dns::opcode::query;
}

/// Bytes that we may add to an answer: a frame's length, our OPT with its options and padding.
constexpr std::size_t max_own_size = 1024;

/// Bytes of the answer's records; 0 if the answer is only a code.
std::size_t size_of_records(const resolve::Answer& answer) {
  if (answer.entry != nullptr) return answer.entry->wire().size();
  return answer.message ? answer.message->bytes().size() : 0;
}

/// The label `source` of the response. A failure that no server sent and for which we give a reason is our own. So a
/// SERVFAIL from a resolver is counted apart from one for lack of an answer.
resolve::Source made_by(const resolve::Answer& answer) {
  const bool is_ours = answer.entry == nullptr && !answer.message && answer.info_code;
  return is_ours ? resolve::Source::local : answer.source;
}

std::size_t label_of_type(std::uint16_t type) {
  return type < type_index.size() ? type_index[type] : labelled_types.size();
}

/// Why a query has no place among those that wait.
std::string_view text_of(Refusal refusal) {
  if (refusal == Refusal::client_share) return "too many queries in flight from this address";
  return refusal == Refusal::memory_limit ? "no memory for the query" : "too many queries in flight";
}

}  // namespace

void ClientQuery::answered(const resolve::Answer& answer) {
  handler->answer(*this, answer);
}

void ClientQuery::keep(const std::shared_ptr<const resolve::KeptAnswer>& answer) {
  kept = answer;
  responder->wait_to_take(*this);
}

QueryHandler::QueryHandler(runtime::Loop& loop, const config::Dns& settings, SharedLimits& shared,
                           resolve::Resolver& resolver, ClientAdmission& admission, runtime::MemoryShares& memory,
                           DnsMetrics& metrics)
    : loop_(loop),
      settings_(settings),
      shared_(shared),
      resolver_(resolver),
      admission_(admission),
      metrics_(metrics),
      waiting_(shared, admission, memory.queries, metrics) {}

QueryHandler::Outcome QueryHandler::handle(dns::Bytes message, const Sender& sender, Responder& responder) {
  auto outcome = Outcome::failed;
  loop_.contain(
      "client's query", [&] { outcome = take(message, sender, responder); },
      [&] { responder.abandon_answer(immediate_query_); });
  return outcome;
}

QueryHandler::Outcome QueryHandler::take(dns::Bytes message, const Sender& sender, Responder& responder) {
  last_activity_ = loop_.clock().now();
  const auto view = dns::parse_query(message, {.reject_non_utf8_names = settings_.reject_non_utf8_names});
  if (!view) {
    if (is_of_other_opcode(message)) {
      count_refusal(Refusal::opcode);
      metrics_.requests[sender.transport][sender.family][labelled_types.size()].add();
      answer_header(message, dns::rcode::notimp, sender, responder);
      responder.forget(immediate_query_);
      return Outcome::accepted;
    }
    reject(view.error(), message, sender, responder);
    return Outcome::invalid;
  }
  metrics_.requests[sender.transport][sender.family][label_of_type(view->question().type)].add();
  if (!query_observers_.empty()) tell_received(message, sender);
  if (const auto refusal = refuse(*view)) {
    answer_now(*view, sender, responder, *refusal);
    return Outcome::accepted;
  }
  const auto found = resolver_.look(*view);
  if (found.answer) {
    answer_now(*view, sender, responder, *found.answer);
  } else if (const auto query = waiting_.take(*view, sender.connection, sender.address)) {
    fill(**query, sender, responder);
    const auto fail = [&] { answer(**query, resolve::internal_error); };
    loop_.contain("query", [&] { resolver_.ask(*view, found.miss, **query); }, fail);
  } else {
    answer_now(*view, sender, responder,
               {.rcode = dns::rcode::refused, .info_code = dns::extended_error::other, .text = text_of(query.error())});
  }
  return Outcome::accepted;
}

void QueryHandler::fill(ClientQuery& query, const Sender& sender, Responder& responder) {
  query.handler = this;
  query.responder = &responder;
  query.origin = {
      .address = sender.address, .port = sender.port, .transport = sender.transport, .family = sender.family};
  query.is_local = sender.is_local;
  query.received = loop_.clock().now();
  if (sender.path != nullptr) query.path = *sender.path;
}

/// Answers without taking a place among the waiting queries.
void QueryHandler::answer_now(const dns::QueryView& view, const Sender& sender, Responder& responder,
                              const resolve::Answer& answer) {
  fill(immediate_query_, sender, responder);
  respond(immediate_query_, view, answer);
  responder.forget(immediate_query_);
}

/// Answers what needs no resolver: opcodes, EDNS versions and zone transfers that Pillion does not support.
std::optional<resolve::Answer> QueryHandler::refuse(const dns::QueryView& view) {
  resolve::Answer answer{};
  if (view.message.header().opcode() != dns::opcode::query) {
    count_refusal(Refusal::opcode);
    answer.rcode = dns::rcode::notimp;
  } else if (view.edns.version != 0) {
    count_refusal(Refusal::edns_version);
    answer.rcode = dns::rcode::badvers;
  } else if (view.question().type == dns::type::axfr || view.question().type == dns::type::ixfr) {
    count_refusal(Refusal::zone_transfer);
    answer.rcode = dns::rcode::refused;
    answer.info_code = dns::extended_error::not_supported;
    answer.text = "zone transfers are not supported";
  } else {
    return std::nullopt;
  }
  return answer;
}

void QueryHandler::answer(ClientQuery& query, const resolve::Answer& answer) {
  if (answer.shortage != resolve::Shortage::none)
    waiting_.count_refusal(
        *query.client, answer.shortage == resolve::Shortage::memory ? Refusal::memory_limit : Refusal::in_flight_limit);
  respond(query, query.query.view(), answer);
  release(query);
}

void QueryHandler::deliver(ClientQuery& query) {
  const auto kept = std::exchange(query.kept, nullptr);
  answer(query, kept->answer());
}

void QueryHandler::respond(ClientQuery& query, const dns::QueryView& view, const resolve::Answer& answer) {
  loop_.contain(
      "answer", [&] { compose(query, view, answer); },
      [&] {
        metrics_.responses_undelivered.add();
        query.responder->abandon_answer(query);
      });
}

void QueryHandler::compose(ClientQuery& query, const dns::QueryView& view, const resolve::Answer& answer) {
  if (const auto size = size_of_records(answer); size > 0 && !query.responder->can_hold(size + max_own_size)) {
    count_refusal(Refusal::memory_limit);
    return compose(query, view,
                   {.source = answer.source,
                    .rcode = dns::rcode::refused,
                    .info_code = dns::extended_error::other,
                    .text = "no memory for the answer"});
  }
  auto* const out = query.responder->begin_answer(query);
  if (out == nullptr) {
    metrics_.responses_undelivered.add();
    return;
  }
  const auto limit = query.origin.transport == Transport::tcp
                         ? dns::max_message_size
                         : std::size_t{std::min(view.edns.udp_payload, settings_.udp_payload)};
  const auto start = out->size();
  const auto composed = compose_answer(answer, view, our_edns(view, query), limit, *out);
  for (auto* const observer : answer_observers_) {
    if (observer->takes_next())
      tell_answered(*observer, query, view, answer, composed.rcode, dns::Bytes(*out).subspan(start));
  }
  query.responder->end_answer(query, start);
  const auto rcode = std::min<std::size_t>(composed.rcode, labelled_rcodes);
  metrics_.responses[rcode][made_by(answer)].add();
  metrics_.request_duration[answer.source].observe(loop_.clock().now() - query.received);
  if (composed.truncated) metrics_.truncated.add();
  if (recent_.is_on()) remember(query, view, answer.source, composed.rcode);
}

void QueryHandler::remember(const ClientQuery& query, const dns::QueryView& view, resolve::Source source,
                            std::uint16_t rcode) {
  const auto now = loop_.clock().now();
  recent_.add({.answered_at = now,
               .duration = now - query.received,
               .client = query.origin.address,
               .transport = query.origin.transport,
               .source = source,
               .type = view.question().type,
               .rcode = rcode},
              view.question().name);
}

void QueryHandler::tell_received(dns::Bytes message, const Sender& sender) const {
  const ReceivedQuery query{.origin = {.address = sender.address,
                                       .port = sender.port,
                                       .transport = sender.transport,
                                       .family = sender.family},
                            .received = loop_.clock().now(),
                            .message = message};
  for (auto* const observer : query_observers_) observer->received(query);
}

void QueryHandler::tell_answered(AnswerObserver& observer, const ClientQuery& query, const dns::QueryView& view,
                                 const resolve::Answer& answer, std::uint16_t rcode, dns::Bytes message) const {
  AnsweredQuery answered{.origin = query.origin,
                         .received = query.received,
                         .answered = loop_.clock().now(),
                         .query = view,
                         .message = message,
                         .rcode = rcode,
                         .source = answer.source};
  const auto extended_errors = [&] {
    return answer.entry != nullptr ? answer.entry->extended_errors() : answer.extended_errors;
  };
  if (answer.server == nullptr && !answer.info_code && extended_errors().empty()) return observer.answered(answered);
  AnswerDetails details{.upstream = {},
                        .server = {},
                        .info_code = answer.info_code,
                        .text = answer.text,
                        .extended_errors = extended_errors()};
  if (answer.server != nullptr) {
    details.upstream = answer.server->upstream;
    details.server = answer.server->address;
  }
  answered.details = &details;
  observer.answered(answered);
}

dns::OurEdns QueryHandler::our_edns(const dns::QueryView& view, const ClientQuery& query) const {
  dns::OurEdns ours{.udp_payload = settings_.udp_payload, .keepalive = {}};
  if (query.origin.transport != Transport::tcp || view.edns.options.empty()) return ours;
  // Inside the pod nobody could learn anything from the size of an answer.
  constexpr std::uint16_t response_block = 468;  // RFC 8467 section 4.1
  if (!query.is_local && dns::find_option(view.edns.options, dns::option::padding)) ours.padding = response_block;
  if (dns::find_option(view.edns.options, dns::option::tcp_keepalive)) {
    constexpr auto unit = std::chrono::milliseconds(100);  // RFC 7828 section 3.1
    ours.keepalive = draining_
                         ? std::uint16_t{0}
                         : static_cast<std::uint16_t>(std::min<std::int64_t>(settings_.idle_timeout / unit, 0xffff));
  }
  return ours;
}

void QueryHandler::reject(dns::QueryError error, dns::Bytes message, const Sender& sender, Responder& responder) {
  admission_.count_invalid(error, sender.connection, sender.address);
  if (sender.transport != Transport::udp || !dns::deserves_formerr(error)) return;
  answer_header(message, dns::rcode::formerr, sender, responder);
}

/// Answers a message of which little more than the header can be trusted.
void QueryHandler::answer_header(dns::Bytes message, std::uint16_t rcode, const Sender& sender, Responder& responder) {
  fill(immediate_query_, sender, responder);
  auto* const out = responder.begin_answer(immediate_query_);
  if (out == nullptr) return metrics_.responses_undelivered.add();
  const auto start = out->size();
  dns::append_header_error(*out, message, rcode, {.udp_payload = settings_.udp_payload, .keepalive = {}});
  responder.end_answer(immediate_query_, start);
  metrics_.responses[rcode][resolve::Source::local].add();
}

void QueryHandler::release(ClientQuery& query) {
  auto& responder = *query.responder;
  last_activity_ = loop_.clock().now();
  waiting_.release(query);
  responder.forget(query);
}

}  // namespace pillion::server
