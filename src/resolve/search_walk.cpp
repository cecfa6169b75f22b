#include "resolve/search_walk.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "cache/entry.hpp"
#include "dns/alias.hpp"
#include "dns/edns.hpp"
#include "dns/response.hpp"
#include "resolve/resolver.hpp"

namespace pillion::resolve {
namespace {

/// A query made here was made to be valid.
dns::QueryView view_of(dns::Bytes query, bool dnssec_ok) {
  auto view = dns::parse_query(query, {.reject_non_utf8_names = false}).value();
  view.edns.present = dnssec_ok;
  view.edns.dnssec_ok = dnssec_ok;
  return view;
}

/// The CNAME lives as long as what it leads to (RFC 2181 5.2 has no rule for what was put together).
std::uint32_t lowest_ttl(const dns::MessageView& message) {
  auto lowest = std::numeric_limits<std::uint32_t>::max();
  dns::for_each_record(message, [&](const dns::Record& record) { lowest = std::min(lowest, record.ttl); });
  return lowest == std::numeric_limits<std::uint32_t>::max() ? 0 : lowest;
}

}  // namespace

void SearchWalk::start(Resolver& resolver, const dns::QueryView& query, dns::Bytes base, Request& request) {
  const auto& list = *resolver.search_;
  const auto flags = query.message.header().flags() & (dns::flag::rd | dns::flag::ad | dns::flag::cd);
  resolver.metrics_.search_walks.add();
  resolver_ = &resolver;
  request_ = &request;
  name_.assign(query.question().name.begin(), query.question().name.end());
  dnssec_ok_ = query.edns.dnssec_ok;
  steps_in_use_ = list.candidate_count();
  pending_ = 0;
  if (steps_.size() < steps_in_use_) steps_.resize(steps_in_use_);
  for (std::size_t i = 0; i < steps_in_use_; ++i) steps_[i].state = Step::State::unasked;

  dns::Buffer candidate;
  for (std::size_t i = 0; i < steps_in_use_; ++i) {
    auto& step = steps_[i];
    step.walk = this;
    candidate.clear();
    if (!list.append_candidate(base, i, candidate)) {
      step.state = Step::State::missing;
      step.answer.clear();
      continue;
    }
    step.query.clear();
    dns::append_query(step.query, 0, static_cast<std::uint16_t>(flags), candidate, query.question().type,
                      query.question().klass);
    // A single label is a service's name far more often than a top-level domain: it is asked for only when no service
    // has it, so that the names of a cluster's services do not leave it.
    if (i + 1 == steps_in_use_ && std::size_t{base[0]} + 1 == base.size()) break;
    ask(step);
    // What lies behind it in the list is not wanted any more.
    if (step.state == Step::State::exists) break;
  }
  stepped();
}

void SearchWalk::ask(Step& step) {
  // The answer may come from within; what follows from it is for the caller to see.
  asking_ = true;
  look_or_ask(step);
  asking_ = false;
}

void SearchWalk::look_or_ask(Step& step) {
  const auto query = view_of(step.query, dnssec_ok_);
  const auto found = resolver_->look_without_search(query);
  if (found.answer) return keep(step, *found.answer);
  step.state = Step::State::pending;
  ++pending_;
  resolver_->ask(query, found.miss, step);
}

void SearchWalk::Step::answered(const Answer& given) {
  --walk->pending_;
  walk->keep(*this, given);
  walk->stepped();
}

void SearchWalk::keep(Step& step, const Answer& answer) {
  step.answer.clear();
  step.source = answer.source;
  step.info_code = answer.info_code;
  step.text = answer.text;
  step.rcode = answer.rcode;
  if (answer.entry != nullptr) {
    cache::append_answer(*answer.entry, view_of(step.query, dnssec_ok_), answer.now, step.answer);
  } else if (answer.message && !dns::append_without_opt(*answer.message, step.answer)) {
    step.rcode = dns::rcode::servfail;
  }
  // An answer whose names point into the question's type reads otherwise where another type was asked for.
  if (!step.answer.empty() && !dns::MessageView::parse(step.answer)) {
    step.answer.clear();
    step.rcode = dns::rcode::servfail;
  }
  if (const auto header = dns::Header::of(step.answer)) step.rcode = header->rcode();
  switch (step.rcode) {
    case dns::rcode::noerror:
      step.state = Step::State::exists;
      break;
    case dns::rcode::nxdomain:
      step.state = Step::State::missing;
      break;
    default:
      step.state = Step::State::failed;
  }
}

/// Something is known that was not: enough to answer, or to end.
void SearchWalk::stepped() {
  if (asking_) return;
  if (request_ != nullptr && !finish()) return;
  if (pending_ == 0 && request_ == nullptr) resolver_->walks_.release(*this);
}

/// Answers as soon as no candidate before the one that exists is still pending; true when it has.
bool SearchWalk::finish() {
  for (std::size_t i = 0; i < steps_in_use_; ++i) {
    auto& step = steps_[i];
    if (step.state == Step::State::unasked) ask(step);
    if (step.state == Step::State::missing) continue;
    if (step.state == Step::State::pending) return false;
    answer_with(step);
    return true;
  }
  answer_missing();
  return true;
}

/// A failure is handed on: what lies behind it in the list might be the wrong name.
void SearchWalk::answer_with(const Step& step) {
  auto& request = *std::exchange(request_, nullptr);
  Answer answer{.source = step.source, .rcode = step.rcode, .info_code = step.info_code, .text = step.text};
  // The message of a failure is about its own name. To a client that asked for another, all that it says is its code.
  const bool is_first = &step == &steps_.front();
  if (!step.answer.empty() && (is_first || step.state == Step::State::exists)) {
    const auto message = dns::MessageView::parse(step.answer).value();
    composed_.clear();
    if (is_first) {
      answer.message = message;
    } else if (dns::append_as_alias(message, name_, lowest_ttl(message), composed_)) {
      answer.message = dns::MessageView::parse(composed_).value();
    } else {
      // The first step alone: the client walks on by itself.
      answer.rcode = dns::rcode::nxdomain;
    }
  }
  request.answered(answer);
}

/// The first candidate's denial, which is for the name that was asked; without records where it was not asked for.
void SearchWalk::answer_missing() {
  auto& request = *std::exchange(request_, nullptr);
  const auto& first = steps_.front();
  Answer answer{.source = Source::local, .rcode = dns::rcode::nxdomain};
  if (!first.answer.empty()) {
    answer.source = first.source;
    answer.message = dns::MessageView::parse(first.answer).value();
  }
  request.answered(answer);
}

}  // namespace pillion::resolve
