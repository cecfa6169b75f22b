// The answer of a walk: the client's own question answered, a candidate that exists, or a denial; and what is cached of
// it.

#include <algorithm>
#include <utility>

#include "dns/response.hpp"
#include "resolve/kept_answer.hpp"
#include "resolve/resolver.hpp"
#include "resolve/search_walk.hpp"

namespace pillion::resolve {

/// Answers the client's own question. Remembers that the walk leads no further, unless a step failed or got no answer.
void SearchWalk::answer_first() {
  const auto& first = steps_.front();
  note_answer(first, first.state == State::exists);
  const bool failed = std::ranges::any_of(steps_in_use(), [](const Step& step) { return step.state == State::failed; });
  if (first.state != State::missing || failed) return answer(first, first.answer);
  const auto ttl = denied_for(candidates_);
  compose_denial(dns::rcode::nxdomain, ttl);
  remember(composed_, ttl);
  answer(first, composed_);
}

/// Answers with the candidate at `index`, which exists. If it has no records, the answer is NODATA for the client's
/// name, since a client would read an alias alone as an answer.
void SearchWalk::answer_found(std::size_t index) {
  const auto& found = steps_[index];
  const auto denied = denied_for(index);
  const auto ttl = std::min(denied, found.ttl);
  note_answer(found, true);
  if (dns::Header::of(found.answer)->answers() == 0) {
    compose_denial(dns::rcode::noerror, ttl);
  } else if (!compose_alias(found, denied)) {
    return answer(steps_.front(), steps_.front().answer);
  }
  remember(composed_, ttl);
  answer(found, composed_);
}

void SearchWalk::answer(const Step& from, dns::Bytes message) {
  auto& request = *std::exchange(request_, nullptr);
  Answer answer{.source = from.source,
                .rcode = from.rcode,
                .extended_errors = from.extended_errors,
                .info_code = from.info_code,
                .text = from.text,
                .shortage = from.shortage};
  if (message.empty()) return request.answered(answer);
  answer.message = dns::MessageView::parse(message).value();
  RequestList requests;
  requests.push_back(request);
  hand_over(requests, answer, resolver_->output_memory_);
}

/// Fills `composed_` with the answer to the client's name: an alias of `target`. The alias lives as long as its target
/// (RFC 2181 5.2 has no rule for composed answers), and no record longer than `ttl`. False if the message would be too
/// long. AD is clear because the CNAME is not signed, and AA because no server has authority over it.
bool SearchWalk::compose_alias(const Step& target, std::uint32_t ttl) {
  const auto message = dns::MessageView::parse(target.answer).value();
  const auto flags = message.header().flags() & static_cast<std::uint16_t>(~(dns::flag::ad | dns::flag::aa));
  auto& writer = resolver_->walk_tools_.writer;
  composed_.clear();
  writer.start(composed_, static_cast<std::uint16_t>(flags), name_, type_, klass_);
  return writer.add_alias(message.question().name, std::min(target.ttl, ttl)) &&
         writer.add_records(message, [ttl](const dns::Record& record) { return std::min(record.ttl, ttl); });
}

/// Fills `composed_` with a denial of the client's name, or of its type, depending on `rcode`. It has the records of
/// the first candidate's denial, if there is one, with TTLs of at most `ttl`.
void SearchWalk::compose_denial(std::uint16_t rcode, std::uint32_t ttl) {
  constexpr std::uint16_t rcode_bits = 0xF;
  const auto& first = steps_.front();
  const auto header = dns::Header::of(first.answer);
  const unsigned given = header ? header->flags() : dns::flag::qr | dns::flag::ra;
  // A composed NODATA has no server with authority over it, and no signature.
  const unsigned cleared = rcode_bits | (rcode == dns::rcode::noerror ? dns::flag::aa | dns::flag::ad : 0U);
  auto& writer = resolver_->walk_tools_.writer;
  composed_.clear();
  writer.start(composed_, static_cast<std::uint16_t>((given & ~cleared) | rcode), name_, type_, klass_);
  if (!header) return;
  // It fits, since that message did.
  static_cast<void>(writer.add_records(dns::MessageView::parse(first.answer).value(),
                                       [ttl](const dns::Record& record) { return std::min(record.ttl, ttl); }));
}

/// Caches the outcome, so that the next such walk is a hit. Not if part of it was expired, truncated or unanswered, or
/// if the configuration has changed since the walk began.
void SearchWalk::remember(dns::Bytes message, std::uint32_t ttl) {
  const auto is_stale = [](const Step& step) {
    return step.state != State::unasked && step.state != State::pending && step.source == Source::stale;
  };
  const auto view = dns::MessageView::parse(message).value();
  if (generation_number_ != resolver_->generation_number_) return;
  if (resolver_->cache_ == nullptr || ttl == 0 || ttl == no_limit || view.header().is_truncated()) return;
  if (passes_unanswered() || std::ranges::any_of(steps_in_use(), is_stale)) return;
  auto& prepared = resolver_->walk_tools_.prepared;
  if (!prepared.prepare_found(view, ttl)) return;
  resolver_->cache_->insert_found({.name = name_,
                                   .type = type_,
                                   .klass = klass_,
                                   .dnssec_ok = dnssec_ok_,
                                   .checking_disabled = (flags_ & dns::flag::cd) != 0,
                                   .searched = true},
                                  prepared, resolver_->schedule_.clock().now());
}

/// Seconds for which the denials of the guards and of the first `candidates` candidates are all valid; no_limit if
/// none of them says so.
std::uint32_t SearchWalk::denied_for(std::size_t candidates) const {
  auto least = no_limit;
  for (std::size_t i = 0; i < candidates_ + guards_; ++i) {
    const bool is_passed = i < candidates || i >= candidates_;
    const auto state = steps_[i].state;
    if (is_passed && (state == State::missing || state == State::exists)) least = std::min(least, steps_[i].ttl);
  }
  return least;
}

}  // namespace pillion::resolve
