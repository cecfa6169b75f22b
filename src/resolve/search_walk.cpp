#include "resolve/search_walk.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "cache/entry.hpp"
#include "dns/edns.hpp"
#include "dns/response.hpp"
#include "resolve/kept_answer.hpp"
#include "resolve/resolver.hpp"

namespace pillion::resolve {
namespace {

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
  std::optional<std::uint32_t> lowest;
  dns::for_each_record(message, [&](const dns::Record& record) {
    if (!denies || record.type == dns::type::soa) lowest = std::min(lowest.value_or(record.ttl), record.ttl);
  });
  return lowest.value_or(0);
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
  phase_ = Phase::waiting;
  pending_ = 0;
  is_late_ = is_pass_noted_ = false;
  const auto& question = query.question();
  type_ = question.type;
  klass_ = question.klass;
  flags_ = query.message.header().flags() & (dns::flag::rd | dns::flag::ad | dns::flag::cd);
  dnssec_ok_ = query.edns.dnssec_ok;
  const auto prepare_all = [&] {
    name_.assign(question.name.begin(), question.name.end());
    prepare(base);
  };
  contain(prepare_all, [this] { fail(); });
  advance();
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

/// Acts on the states of the steps. Does nothing while another call is in progress further up the stack, since that one
/// looks at the states again.
void SearchWalk::advance() {
  if (phase_ == Phase::acting) return;
  if (phase_ == Phase::waiting) {
    phase_ = Phase::acting;
    contain([this] { phase_ = act(); }, [this] { fail(); });
  }
  if (phase_ == Phase::answered && pending_ == 0) end();
}

/// Asks until the walk must wait, or answers. Returns the phase that follows.
SearchWalk::Phase SearchWalk::act() {
  while (true) {
    const auto decision = decide();
    note_passed();
    switch (decision.action) {
      case Decision::Action::wait:
        return Phase::waiting;
      case Decision::Action::ask:
        ask(steps_[decision.step]);
        break;
      case Decision::Action::answer_first:
        answer_first();
        return Phase::answered;
      case Decision::Action::answer_found:
        answer_found(decision.step);
        return Phase::answered;
    }
  }
}

/// Called after an exception: answers the request with a failure. The pending steps still end.
void SearchWalk::fail() {
  if (auto* const request = std::exchange(request_, nullptr)) request->answered(internal_error);
  phase_ = Phase::answered;
}

void SearchWalk::end() {
  resolver_->schedule_.clear_deadline(*this);
  for (auto& step : steps_) {
    dns::recycle(step.query);
    dns::recycle(step.answer);
    dns::recycle(step.extended_errors);
  }
  dns::recycle(composed_);
  resolver_->walk_memory_.give(std::exchange(answer_bytes_, 0));
  resolver_->walks_.release(*this);
}

void SearchWalk::ask(Step& step) {
  const auto query = view_of(step.query, dnssec_ok_);
  const auto found = resolver_->look_without_search(query);
  resolver_->explain(query, found, step.trace());
  if (found.answer) return keep(step, *found.answer);
  step.state = State::pending;
  ++pending_;
  const auto fail = [&] {
    --pending_;
    step.fail();
  };
  contain([&] { resolver_->ask(query, found.miss, step); }, fail);
  const bool may_be_passed = plan_.in_guarded_namespace && &step == &steps_[*plan_.in_guarded_namespace];
  if (!may_be_passed || step.state != State::pending) return;
  auto& schedule = resolver_->schedule_;
  schedule.set_deadline(*this, schedule.clock().now() + InFlight::stale_after);
}

/// The cluster's DNS does not answer: the walk may go on by what it knows of the namespace.
void SearchWalk::expired(runtime::Time /*now*/) {
  is_late_ = true;
  advance();
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
  step.shortage = answer.shortage;
  const auto size = answer.entry != nullptr ? answer.entry->wire().size() + answer.entry->extended_errors().size()
                    : answer.message        ? answer.message->bytes().size() + answer.extended_errors.size()
                                            : 0;
  if (!resolver_->walk_memory_.take(size)) {
    step.rcode = dns::rcode::refused;
    step.info_code = dns::extended_error::other;
    step.text = "no memory for the answer";
    step.shortage = Shortage::memory;
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

}  // namespace pillion::resolve
