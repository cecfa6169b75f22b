#include "resolve/search_walk.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "cache/entry.hpp"
#include "dns/edns.hpp"
#include "dns/response.hpp"
#include "resolve/kept_answer.hpp"
#include "resolve/resolver.hpp"

namespace pillion::resolve {
namespace {

constexpr auto no_limit = std::numeric_limits<std::uint32_t>::max();

/// Parses a query that Pillion made, which is always valid.
dns::QueryView view_of(dns::Bytes query, bool dnssec_ok) {
  auto view = dns::parse_query(query, {.reject_non_utf8_names = false}).value();
  view.edns.present = dnssec_ok;
  view.edns.dnssec_ok = dnssec_ok;
  return view;
}

/// Seconds for which a message is valid: the lowest TTL of its records, or for a denial that of its SOA (RFC 2308
/// section 5); 0 if no record says so.
std::uint32_t lifetime_of(const dns::MessageView& message) {
  const bool denies = message.header().answers() == 0;
  auto lowest = no_limit;
  dns::for_each_record(message, [&](const dns::Record& record) {
    if (!denies || record.type == dns::type::soa) lowest = std::min(lowest, record.ttl);
  });
  return lowest == no_limit ? 0 : lowest;
}

}  // namespace

template <typename Work, typename GiveUp>
bool SearchWalk::contain(Work work, GiveUp give_up) {
  return resolver_->schedule_.contain("search walk", work, give_up);
}

void SearchWalk::start(Resolver& resolver, const dns::QueryView& query, dns::Bytes base, Request& request) {
  resolver.metrics_.search_walks.add();
  resolver_ = &resolver;
  generation_number_ = resolver.generation_number_;
  request_ = &request;
  pending_ = 0;
  const auto& question = query.question();
  type_ = question.type;
  klass_ = question.klass;
  flags_ = query.message.header().flags() & (dns::flag::rd | dns::flag::ad | dns::flag::cd);
  dnssec_ok_ = query.edns.dnssec_ok;
  const auto begin = [&] {
    name_.assign(question.name.begin(), question.name.end());
    prepare(base);
    ask_inner_steps();
  };
  if (contain(begin, [this] { fail(); })) advance();
}

/// Writes the query of each step.
void SearchWalk::prepare(dns::Bytes base) {
  const auto& list = *resolver_->generation_->search();
  candidates_ = list.candidate_count();
  guards_ = list.guard_count();
  plan_ = list.plan_for(base);
  note_begin(base);
  if (steps_.size() < candidates_ + guards_) steps_.resize(candidates_ + guards_);
  for (std::size_t i = 0; i < candidates_; ++i) {
    composed_.clear();
    prepare_step(steps_[i], list.append_candidate(base, i, composed_), flags_, type_);
  }
  for (std::size_t i = 0; i < guards_; ++i) {
    composed_.clear();
    prepare_step(steps_[candidates_ + i], list.append_guard(base, i, composed_), dns::flag::rd, dns::type::a);
  }
}

/// `composed_` has the step's name. If the name does not fit, libc cannot ask for it either.
void SearchWalk::prepare_step(Step& step, bool fits, std::uint16_t flags, std::uint16_t type) {
  step.walk = this;
  step.set_traced(request_->trace().tracer != nullptr);
  step.state = fits ? State::unasked : State::missing;
  step.answer.clear();
  step.extended_errors.clear();
  step.source = Source::local;
  step.ttl = no_limit;
  step.query.clear();
  if (fits) dns::append_query(step.query, 0, flags, composed_, type, klass_);
}

/// Asks at once for all names that stay in the cluster.
void SearchWalk::ask_inner_steps() {
  const auto ask_while_open = [this](std::size_t index) {
    const bool is_open = decide().action == Decision::Action::wait || decide().action == Decision::Action::ask;
    if (is_open && steps_[index].state == State::unasked) ask(steps_[index]);
  };
  for (std::size_t i = 0; i < plan_.inner; ++i) ask_while_open(i);
  const auto guards = plan_.may_leave ? guards_ : 1;
  for (std::size_t i = 0; i < guards; ++i) ask_while_open(candidates_ + i);
}

void SearchWalk::ask(Step& step) {
  is_busy_ = true;
  const auto query = view_of(step.query, dnssec_ok_);
  const auto found = resolver_->look_without_search(query);
  resolver_->explain(query, found, step.trace());
  if (found.answer) {
    keep(step, *found.answer);
  } else {
    step.state = State::pending;
    ++pending_;
    const auto fail = [&] {
      --pending_;
      step.fail();
    };
    contain([&] { resolver_->ask(query, found.miss, step); }, fail);
  }
  is_busy_ = false;
}

void SearchWalk::Step::answered(const Answer& given) {
  --walk->pending_;
  walk->contain([&] { walk->keep(*this, given); }, [this] { fail(); });
  walk->advance();
}

void SearchWalk::keep(Step& step, const Answer& answer) {
  take(step, answer);
  note_end(step);
}

void SearchWalk::take(Step& step, const Answer& answer) {
  step.source = answer.source;
  step.info_code = answer.info_code;
  step.text = answer.text;
  step.rcode = answer.rcode;
  const auto size = answer.entry != nullptr ? answer.entry->wire().size() + answer.entry->extended_errors().size()
                    : answer.message        ? answer.message->bytes().size() + answer.extended_errors.size()
                                            : 0;
  if (!resolver_->walk_memory_.take(size)) {
    step.rcode = dns::rcode::refused;
    step.info_code = dns::extended_error::other;
    step.text = "no memory for the answer";
    step.state = State::failed;
    return;
  }
  answer_bytes_ += size;
  if (answer.entry != nullptr) {
    step.rcode = answer.entry->rcode();
    cache::append_answer(*answer.entry, view_of(step.query, dnssec_ok_), answer.now, answer.rotation, step.answer);
    dns::append(step.extended_errors, answer.entry->extended_errors());
  } else if (answer.message) {
    dns::append(step.answer, answer.message->bytes());
    dns::address_to(view_of(step.query, dnssec_ok_), step.answer);
    dns::append(step.extended_errors, answer.extended_errors);
  }
  if (!step.answer.empty()) step.ttl = lifetime_of(dns::MessageView::parse(step.answer).value());
  switch (step.rcode) {
    case dns::rcode::noerror:
      step.state = step.answer.empty() ? State::failed : State::exists;
      break;
    case dns::rcode::nxdomain: {
      // After a CNAME chain the code is about the last name (RFC 6604), so that this name exists.
      const auto header = dns::Header::of(step.answer);
      step.state = header && header->answers() != 0 ? State::exists : State::missing;
      break;
    }
    default:
      step.state = State::failed;
  }
}

/// Called after an exception: answers the request with a failure. The pending steps still end.
void SearchWalk::fail() {
  is_busy_ = false;
  if (auto* const request = std::exchange(request_, nullptr)) request->answered(internal_error);
  if (pending_ == 0) resolver_->walks_.release(*this);
}

void SearchWalk::advance() {
  contain([this] { go_on(); }, [this] { fail(); });
}

/// Called when a step was answered: asks for more, answers, or ends.
void SearchWalk::go_on() {
  if (is_busy_) return;
  while (request_ != nullptr) {
    const auto decision = decide();
    if (decision.action == Decision::Action::wait) return;
    if (decision.action == Decision::Action::ask) {
      ask(steps_[decision.step]);
      continue;
    }
    is_busy_ = true;
    decision.action == Decision::Action::answer_found ? answer_found(decision.step) : answer_first();
    is_busy_ = false;
  }
  if (pending_ == 0) end();
}

void SearchWalk::end() {
  for (auto& step : steps_) {
    dns::recycle(step.query);
    dns::recycle(step.answer);
    dns::recycle(step.extended_errors);
  }
  dns::recycle(composed_);
  resolver_->walk_memory_.give(std::exchange(answer_bytes_, 0));
  resolver_->walks_.release(*this);
}

SearchWalk::Decision SearchWalk::decide() const {
  constexpr Decision to_client{.action = Decision::Action::answer_first};
  const auto& first = steps_.front();
  if (first.state != State::missing) return look_at(0).value_or(to_client);
  if (const auto decision = look_at_guard(0)) return *decision;
  for (std::size_t i = 1; i < plan_.inner; ++i) {
    if (const auto decision = look_at(i)) return *decision;
  }
  if (plan_.bare_is_inner) return look_at(candidates_ - 1).value_or(to_client);
  if (!plan_.may_leave) return to_client;
  for (std::size_t i = 1; i < guards_; ++i) {
    if (const auto decision = look_at_guard(i)) return *decision;
  }
  // From here on names leave the cluster, each only after all before it were denied, as in libc's walk.
  for (std::size_t i = plan_.inner; i < candidates_; ++i) {
    if (const auto decision = look_at(i)) return *decision;
  }
  return to_client;
}

/// What follows from a candidate if all before it are missing; nullopt if it is missing too.
std::optional<SearchWalk::Decision> SearchWalk::look_at(std::size_t candidate) const {
  using enum Decision::Action;
  switch (steps_[candidate].state) {
    case State::unasked:
      return Decision{.action = ask, .step = candidate};
    case State::pending:
      return Decision{.action = wait};
    case State::missing:
      return std::nullopt;
    case State::exists:
      return Decision{.action = candidate == 0 ? answer_first : answer_found, .step = candidate};
    case State::failed:
      break;
  }
  return Decision{.action = answer_first};
}

/// What follows from a guard; nullopt if it is missing, so that the walk may go on.
std::optional<SearchWalk::Decision> SearchWalk::look_at_guard(std::size_t index) const {
  auto decision = look_at(candidates_ + index);
  if (decision && decision->action == Decision::Action::answer_found) decision->action = Decision::Action::answer_first;
  return decision;
}

/// Answers the client's own question. Remembers that the walk leads no further, unless a step failed.
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
                .text = from.text};
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

/// Caches the outcome, so that the next such walk is a hit. Not if part of it was expired or truncated, or if the
/// configuration has changed since the walk began.
void SearchWalk::remember(dns::Bytes message, std::uint32_t ttl) {
  const auto is_stale = [](const Step& step) {
    return step.state != State::unasked && step.state != State::pending && step.source == Source::stale;
  };
  const auto view = dns::MessageView::parse(message).value();
  if (generation_number_ != resolver_->generation_number_) return;
  if (resolver_->cache_ == nullptr || ttl == 0 || ttl == no_limit || view.header().is_truncated()) return;
  if (std::ranges::any_of(steps_in_use(), is_stale)) return;
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
