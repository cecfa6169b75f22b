#include "resolve/flights.hpp"

#include <utility>

#include "dns/edns.hpp"
#include "dns/name.hpp"

namespace pillion::resolve {
namespace {

constexpr std::size_t bucket_count = 1024;

void refuse(Request& request, runtime::Time now) {
  request.answered({.now = now,
                    .rcode = dns::rcode::refused,
                    .info_code = dns::extended_error::other,
                    .text = "too many queries under way"});
}

}  // namespace

void Flight::answered(const Answer& answer) {
  owner->landed(*this, answer);
}

/// Nothing came in time: those who wait get what there was. The question stays under way, for the cache.
void Flight::expired(runtime::Time now) {
  owner->answer_all_stale(*this, now);
}

Flights::Flights(runtime::Schedule& schedule, cache::Store* store, const cache::Settings& settings, Metrics& metrics,
                 std::uint64_t seed)
    : schedule_(schedule),
      store_(store),
      settings_(settings),
      metrics_(metrics),
      seed_(seed),
      buckets_(bucket_count),
      spare_(std::make_unique<cache::Preparation>(seed)) {}

Flight* Flights::find(const cache::Key& key, std::uint64_t hash) {
  for (auto* flight = buckets_[hash % bucket_count]; flight != nullptr; flight = flight->next) {
    if (flight->hash == hash && flight->type == key.type && flight->klass == key.klass &&
        flight->dnssec_ok == key.dnssec_ok && flight->checking_disabled == key.checking_disabled &&
        dns::equal_names(flight->name, key.name))
      return flight;
  }
  return nullptr;
}

void Flights::start(Flight& flight, const Departure& departure, std::uint64_t hash) {
  const auto& key = departure.key;
  flight.owner = this;
  flight.name.assign(key.name.begin(), key.name.end());
  flight.type = key.type;
  flight.klass = key.klass;
  flight.dnssec_ok = key.dnssec_ok;
  flight.checking_disabled = key.checking_disabled;
  flight.denial = departure.denial;
  flight.is_plaintext = departure.is_plaintext;
  flight.is_shared = true;
  flight.stale_is_due = false;
  flight.hash = hash;
}

Flight* Flights::depart(const Departure& departure, std::uint64_t hash) {
  auto* const flight = slab_.acquire();
  if (flight == nullptr) return nullptr;
  start(*flight, departure, hash);
  flight->next = std::exchange(buckets_[hash % bucket_count], flight);
  return flight;
}

bool Flights::board(const dns::QueryView& query, const Departure& departure, Request& request) {
  const auto now = schedule_.clock().now();
  const auto hash = cache::hash_of(departure.key, seed_);
  if (auto* const flight = find(departure.key, hash)) {
    metrics_.coalesced.add();
    if (flight->stale_is_due && answer_stale(*flight, request, now)) return false;
    flight->waiting.push_back(request);
    // One that left for nobody, to refresh what was not expired then, has no deadline yet.
    if (departure.has_stale && !flight->is_set()) promise_stale(*flight, *departure.group, now);
    return false;
  }
  auto* const flight = depart(departure, hash);
  if (flight == nullptr) {
    refuse(request, now);
    return false;
  }
  flight->waiting.push_back(request);
  if (departure.has_stale) promise_stale(*flight, *departure.group, now);
  departure.group->resolve(query, *flight);
  return true;
}

void Flights::ask_alone(const dns::QueryView& query, const Departure& departure, Request& request) {
  auto* const flight = slab_.acquire();
  if (flight == nullptr) return refuse(request, schedule_.clock().now());
  start(*flight, departure, 0);
  flight->is_shared = false;
  flight->waiting.push_back(request);
  departure.group->resolve(query, *flight);
}

/// RFC 8767 section 5: the expired answer, at once where nothing is to be hoped for, else after a while.
void Flights::promise_stale(Flight& flight, const Group& group, runtime::Time now) {
  if (group.is_down()) return answer_all_stale(flight, now);
  schedule_.set_deadline(flight, now + stale_after);
}

bool Flights::refresh(const dns::QueryView& query, const Departure& departure) {
  const auto hash = cache::hash_of(departure.key, seed_);
  if (find(departure.key, hash) != nullptr) return true;
  auto* const flight = depart(departure, hash);
  if (flight == nullptr) return false;
  departure.group->resolve(query, *flight);
  return true;
}

void Flights::landed(Flight& flight, const Answer& answer) {
  const auto now = schedule_.clock().now();
  schedule_.clear_deadline(flight);
  // First, so that whoever asks again from within its answer starts anew.
  if (flight.is_shared) remove(flight);
  auto prepared = spare_ ? std::move(spare_) : std::make_unique<cache::Preparation>(seed_);
  const auto ours = keep(flight, answer, *prepared, now);
  const bool failed = is_failure(ours);
  auto waiting = std::exchange(flight.waiting, {});
  while (auto* const request = waiting.pop_front()) {
    if (!failed || !answer_stale(flight, *request, now)) request->answered(ours);
  }
  spare_ = std::move(prepared);
  slab_.release(flight);
}

void Flights::remove(Flight& flight) {
  auto** link = &buckets_[flight.hash % bucket_count];
  while (*link != &flight) link = &(*link)->next;
  *link = flight.next;
}

/// What of the group's answer is for those who wait; the cache has it then, too.
Answer Flights::keep(const Flight& flight, const Answer& answer, cache::Preparation& prepared, runtime::Time now) {
  const auto key = flight.key();
  if (!answer.message) {
    if (answer.rcode == dns::rcode::servfail && answer.may_be_cached) keep_failure(flight, answer, prepared, now);
    return answer;
  }
  if (!prepared.prepare(key, *answer.message, settings_)) {
    return {.source = answer.source, .info_code = dns::extended_error::other, .text = "the reply is too long"};
  }
  const auto& admitted = prepared.admitted();
  // Some cluster DNS servers say so of the types that a name does not have (RFC 4074 section 4.2).
  if (flight.is_plaintext && admitted && admitted->denies_name && store_ != nullptr &&
      store_->has_other_address(key, now))
    prepared.deny_type_alone();
  store(flight, prepared, now);
  return {.source = answer.source,
          .message = dns::MessageView::of_ours(prepared.wire(), answer.message->question_end()),
          .rcode = prepared.rcode(),
          .extended_errors = prepared.extended_errors()};
}

void Flights::keep_failure(const Flight& flight, const Answer& answer, cache::Preparation& prepared,
                           runtime::Time now) {
  const auto info_code = answer.info_code.value_or(dns::extended_error::other);
  prepared.prepare_failure(flight.key(), {.info_code = info_code, .text = answer.text}, settings_);
  store(flight, prepared, now);
}

void Flights::store(const Flight& flight, const cache::Preparation& prepared, runtime::Time now) {
  if (store_ == nullptr || !flight.is_shared) return;
  // What is not stored has its reasons, none of which the client needs to know.
  [[maybe_unused]] const auto stored = store_->insert(flight.key(), prepared, flight.denial, now);
}

bool Flights::answer_stale(const Flight& flight, Request& request, runtime::Time now) {
  if (store_ == nullptr || !flight.is_shared) return false;
  const auto found = store_->lookup_stale(flight.key(), now);
  if (found.entry == nullptr || found.entry->kind() == cache::Kind::failure) return false;
  if (found.freshness == cache::Freshness::stale) {
    request.answered(stale_answer(*found.entry, now));
  } else {
    // Meanwhile stored by another question: an NXDOMAIN of an ancestor, say.
    request.answered({.source = Source::cache, .entry = found.entry, .now = now});
  }
  return true;
}

void Flights::answer_all_stale(Flight& flight, runtime::Time now) {
  flight.stale_is_due = true;
  auto waiting = std::exchange(flight.waiting, {});
  while (auto* const request = waiting.pop_front()) {
    if (!answer_stale(flight, *request, now)) flight.waiting.push_back(*request);
  }
}

}  // namespace pillion::resolve
