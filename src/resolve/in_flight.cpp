#include "resolve/in_flight.hpp"

#include <utility>

#include "dns/edns.hpp"
#include "dns/name.hpp"
#include "resolve/trace_events.hpp"

namespace pillion::resolve {

namespace trace = upstream::trace;
using StaleSince = trace::StaleGiven::Since;

namespace {

constexpr std::size_t bucket_count = 1024;

constexpr Answer too_many = refusal(Shortage::places, "too many queries in flight");
constexpr Answer no_memory = refusal(Shortage::memory, "no memory for the query");

/// What is in the cache now, or why nothing is.
trace::What event_of(const std::expected<cache::Kind, cache::NotStored>& stored, const cache::Preparation& prepared) {
  if (!stored) return trace::NotKept{.reason = std::string(cache::to_string(stored.error()))};
  return trace::Kept{.content = trace::content_of(*stored),
                     .lifetime = std::chrono::seconds(prepared.admitted()->lifetime)};
}

/// Where nobody has answered, a loop is the reason, and not what the servers seem to do. `reason` is the text's place.
Answer explained(bool has_loop, const Answer& answer, std::string& reason) {
  if (!has_loop || answer.message || answer.rcode != dns::rcode::servfail) return answer;
  reason = "forwarding loop: the upstream has sent Pillion's queries back to Pillion; ";
  reason += answer.text;
  auto named = answer;
  named.text = reason;
  return named;
}

}  // namespace

void InFlightQuery::answered(const Answer& answer) {
  owner->answered(*this, answer);
}

/// No answer came in time: gives the waiters the expired one. The query stays in flight, so that the cache gets its
/// answer.
void InFlightQuery::expired(runtime::Time now) {
  owner->answer_all_stale(*this, trace::StaleGiven::Since::waited, now);
}

void InFlightQuery::note(const trace::What& what, std::string_view step) {
  waiters.for_each([&](const Request& waiter) {
    if (waiter.trace().tracer != nullptr) waiter.trace().tracer->note(what, step);
  });
}

void InFlightQuery::lost() noexcept {
  waiters.for_each([](const Request& waiter) {
    if (waiter.trace().tracer != nullptr) waiter.trace().tracer->lost();
  });
}

void InFlightQuery::add_waiter(Request& request) {
  waiters.push_back(request);
  if (request.trace().tracer != nullptr) trace_by(this);
}

InFlight::InFlight(runtime::Schedule& schedule, cache::Store* store, const cache::Settings& settings,
                   ResolverMetrics& metrics, runtime::MemoryShares& memory, std::uint64_t seed)
    : schedule_(schedule),
      store_(store),
      settings_(settings),
      metrics_(metrics),
      memory_(memory),
      seed_(seed),
      buckets_(bucket_count),
      idle_preparation_(std::make_unique<cache::Preparation>(seed)) {}

InFlightQuery* InFlight::find(const cache::Key& key, std::uint64_t hash) {
  for (auto* in_flight = buckets_[hash % bucket_count]; in_flight != nullptr; in_flight = in_flight->next) {
    if (in_flight->hash == hash && in_flight->type == key.type && in_flight->klass == key.klass &&
        in_flight->dnssec_ok == key.dnssec_ok && in_flight->checking_disabled == key.checking_disabled &&
        key.name == in_flight->name)
      return in_flight;
  }
  return nullptr;
}

void InFlight::set_up(InFlightQuery& in_flight, const Destination& destination, std::uint64_t hash) {
  const auto& key = destination.key;
  in_flight.owner = this;
  in_flight.name.assign(key.name.begin(), key.name.end());
  in_flight.type = key.type;
  in_flight.klass = key.klass;
  in_flight.dnssec_ok = key.dnssec_ok;
  in_flight.checking_disabled = key.checking_disabled;
  in_flight.denial = destination.denial;
  in_flight.is_plaintext = destination.is_plaintext;
  in_flight.has_loop = destination.has_loop;
  in_flight.is_shared = true;
  in_flight.stale_is_due = false;
  in_flight.trace_by(nullptr);
  in_flight.hash = hash;
}

InFlightQuery* InFlight::add(const Destination& destination, std::uint64_t hash) {
  auto* const in_flight = slab_.acquire();
  if (in_flight == nullptr) return nullptr;
  const bool is_set_up =
      schedule_.contain("query", [&] { set_up(*in_flight, destination, hash); }, [&] { slab_.release(*in_flight); });
  if (!is_set_up) return nullptr;
  in_flight->next = std::exchange(buckets_[hash % bucket_count], in_flight);
  return in_flight;
}

bool InFlight::join(const dns::QueryView& query, const Destination& destination, Request& request) {
  const auto now = schedule_.clock().now();
  const auto hash = cache::hash_of(destination.key, seed_);
  if (auto* const in_flight = find(destination.key, hash)) {
    metrics_.coalesced.add();
    trace::note(request.trace(), [&] {
      std::size_t waiting = 0;
      in_flight->waiters.for_each([&](const Request&) { ++waiting; });
      return trace::Joined{.waiting = waiting};
    });
    if (in_flight->stale_is_due && answer_stale(*in_flight, request, StaleSince::waited, now)) return false;
    in_flight->add_waiter(request);
    // A query that was sent to refresh an answer before it expired has no deadline yet.
    if (destination.has_stale && !in_flight->is_set()) promise_stale(*in_flight, *destination.group, now);
    return false;
  }
  auto* const in_flight = add(destination, hash);
  if (in_flight == nullptr) {
    request.answered(slab_.is_full() ? too_many : no_memory);
    return false;
  }
  in_flight->add_waiter(request);
  trace::note(request.trace(), [] { return trace::Asked{}; });
  const auto ask = [&] {
    if (destination.has_stale) promise_stale(*in_flight, *destination.group, now);
    destination.group->resolve(query, *in_flight);
  };
  return schedule_.contain("query", ask, [&] { answered(*in_flight, internal_error); });
}

void InFlight::ask_alone(const dns::QueryView& query, const Destination& destination, Request& request) {
  auto* const in_flight = slab_.acquire();
  if (in_flight == nullptr) return request.answered(slab_.is_full() ? too_many : no_memory);
  in_flight->waiters.push_back(request);
  trace::note(request.trace(), [] { return trace::Asked{.is_shared = false}; });
  const auto ask = [&] {
    set_up(*in_flight, destination, 0);
    in_flight->is_shared = false;
    if (request.trace().tracer != nullptr) in_flight->trace_by(in_flight);
    destination.group->resolve(query, *in_flight);
  };
  schedule_.contain("query", ask, [&] {
    in_flight->is_shared = false;
    answered(*in_flight, internal_error);
  });
}

/// RFC 8767 section 5: gives the expired answer at once if the group is down, else after a while.
void InFlight::promise_stale(InFlightQuery& in_flight, const Group& group, runtime::Time now) {
  if (group.is_down()) return answer_all_stale(in_flight, StaleSince::group_is_down, now);
  schedule_.set_deadline(in_flight, now + stale_after);
}

bool InFlight::refresh(const dns::QueryView& query, const Destination& destination) {
  const auto hash = cache::hash_of(destination.key, seed_);
  if (find(destination.key, hash) != nullptr) return true;
  auto* const in_flight = add(destination, hash);
  if (in_flight == nullptr) return false;
  return schedule_.contain(
      "query", [&] { destination.group->resolve(query, *in_flight); }, [&] { answered(*in_flight, internal_error); });
}

void InFlight::answered(InFlightQuery& in_flight, const Answer& answer) {
  const auto now = schedule_.clock().now();
  schedule_.clear_deadline(in_flight);
  // Removed first, so that a waiter that asks again from within its answer starts a new query.
  if (in_flight.is_shared) remove(in_flight);
  auto prepared = idle_preparation_ ? std::move(idle_preparation_) : std::make_unique<cache::Preparation>(seed_);
  auto ours = internal_error;
  std::string reason;
  const auto keep_it = [&] { ours = keep(in_flight, explained(in_flight.has_loop, answer, reason), *prepared, now); };
  schedule_.contain("reply", keep_it, [] {});
  const bool failed = is_failure(ours);
  auto waiters = std::exchange(in_flight.waiters, {});
  if (ours.message && !failed) {
    hand_over(waiters, ours, memory_.output);
  } else {
    while (auto* const request = waiters.pop_front()) {
      if (!failed || !answer_stale(in_flight, *request, StaleSince::failed, now)) request->answered(ours);
    }
  }
  idle_preparation_ = std::move(prepared);
  slab_.release(in_flight);
}

void InFlight::remove(InFlightQuery& in_flight) {
  auto** link = &buckets_[in_flight.hash % bucket_count];
  while (*link != &in_flight) link = &(*link)->next;
  *link = in_flight.next;
}

/// The present waiters get the answer, and no other request may join.
void InFlight::detach(InFlightQuery& in_flight) {
  remove(in_flight);
  in_flight.is_shared = false;
}

/// Makes the answer that the waiters get from the group's answer, and puts it into the cache.
Answer InFlight::keep(const InFlightQuery& in_flight, const Answer& answer, cache::Preparation& prepared,
                      runtime::Time now) {
  const auto key = in_flight.key();
  if (!answer.message) {
    if (answer.rcode == dns::rcode::servfail && answer.may_be_cached) keep_failure(in_flight, answer, prepared, now);
    return answer;
  }
  if (!prepared.prepare(key, *answer.message, settings_)) {
    return {.source = answer.source,
            .info_code = dns::extended_error::other,
            .text = "the reply is too long",
            .server = answer.server};
  }
  const auto& admitted = prepared.admitted();
  // Some cluster DNS servers answer NXDOMAIN for the types that a name does not have (RFC 4074 section 4.2).
  if (in_flight.is_plaintext && admitted && admitted->denies_name && store_ != nullptr &&
      store_->has_other_address(key, now))
    prepared.deny_type_alone();
  store(in_flight, prepared, now);
  return {.source = answer.source,
          .message = dns::MessageView::of_ours(prepared.wire(), answer.message->question_end()),
          .rcode = prepared.rcode(),
          .extended_errors = prepared.extended_errors(),
          .server = answer.server};
}

void InFlight::keep_failure(const InFlightQuery& in_flight, const Answer& answer, cache::Preparation& prepared,
                            runtime::Time now) {
  const auto info_code = answer.info_code.value_or(dns::extended_error::other);
  prepared.prepare_failure(in_flight.key(), {.info_code = info_code, .text = answer.text}, settings_);
  store(in_flight, prepared, now);
}

void InFlight::store(const InFlightQuery& in_flight, const cache::Preparation& prepared, runtime::Time now) {
  if (store_ == nullptr || !in_flight.is_shared) return;
  // The client does not need to know why an answer is not stored.
  const auto stored = store_->insert(in_flight.key(), prepared, in_flight.denial, now);
  trace::note(in_flight.trace(), [&] { return event_of(stored, prepared); });
}

bool InFlight::answer_stale(const InFlightQuery& in_flight, Request& request, StaleSince since, runtime::Time now) {
  if (store_ == nullptr || !in_flight.is_shared) return false;
  const auto found = store_->lookup_stale(in_flight.key(), now);
  if (found.entry == nullptr || found.entry->kind() == cache::Kind::failure) return false;
  if (found.freshness == cache::Freshness::stale) {
    trace::note(request.trace(), [&] { return trace::StaleGiven{.since = since}; });
    request.answered(stale_answer(*found.entry, now));
  } else {
    // Another question has meanwhile stored an answer, such as the NXDOMAIN of an ancestor.
    request.answered({.source = Source::cache, .entry = found.entry, .now = now});
  }
  return true;
}

void InFlight::answer_all_stale(InFlightQuery& in_flight, StaleSince since, runtime::Time now) {
  in_flight.stale_is_due = true;
  auto waiters = std::exchange(in_flight.waiters, {});
  while (auto* const request = waiters.pop_front()) {
    if (!answer_stale(in_flight, *request, since, now)) in_flight.waiters.push_back(*request);
  }
}

}  // namespace pillion::resolve
