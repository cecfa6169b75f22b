#include "resolve/flights.hpp"

#include <utility>

#include "dns/edns.hpp"
#include "dns/name.hpp"

namespace pillion::resolve {
namespace {

constexpr std::size_t bucket_count = 1024;

}  // namespace

void Flight::answered(const Answer& answer) {
  owner->landed(*this, answer);
}

/// Nothing came in time: those who wait get what there was. The question stays under way, for the cache.
void Flight::expired(runtime::Time now) {
  owner->answer_all_stale(*this, now);
}

Flights::Flights(runtime::Schedule& schedule, cache::Store* store, Metrics& metrics, std::uint64_t seed)
    : schedule_(schedule), store_(store), metrics_(metrics), seed_(seed), buckets_(bucket_count) {}

Flight* Flights::find(const cache::Key& key, std::uint64_t hash) {
  for (auto* flight = buckets_[hash % bucket_count]; flight != nullptr; flight = flight->next) {
    if (flight->hash == hash && flight->type == key.type && flight->klass == key.klass &&
        flight->dnssec_ok == key.dnssec_ok && flight->checking_disabled == key.checking_disabled &&
        dns::equal_names(flight->name, key.name))
      return flight;
  }
  return nullptr;
}

Flight* Flights::depart(const Departure& departure, std::uint64_t hash) {
  auto* const flight = slab_.acquire();
  if (flight == nullptr) return nullptr;
  const auto& key = departure.key;
  flight->owner = this;
  flight->name.assign(key.name.begin(), key.name.end());
  flight->type = key.type;
  flight->klass = key.klass;
  flight->dnssec_ok = key.dnssec_ok;
  flight->checking_disabled = key.checking_disabled;
  flight->denies_beneath = departure.denies_beneath;
  flight->stale_is_due = false;
  flight->hash = hash;
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
    request.answered({.now = now,
                      .rcode = dns::rcode::refused,
                      .info_code = dns::extended_error::other,
                      .text = "too many queries under way"});
    return false;
  }
  flight->waiting.push_back(request);
  if (departure.has_stale) promise_stale(*flight, *departure.group, now);
  departure.group->resolve(query, *flight);
  return true;
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
  remove(flight);
  keep(flight, answer, now);
  const bool failed = is_failure(answer);
  auto waiting = std::exchange(flight.waiting, {});
  while (auto* const request = waiting.pop_front()) {
    if (!failed || !answer_stale(flight, *request, now)) request->answered(answer);
  }
  slab_.release(flight);
}

void Flights::remove(Flight& flight) {
  auto** link = &buckets_[flight.hash % bucket_count];
  while (*link != &flight) link = &(*link)->next;
  *link = flight.next;
}

void Flights::keep(const Flight& flight, const Answer& answer, runtime::Time now) {
  if (store_ == nullptr) return;
  if (answer.message) {
    // What is not stored has its reasons, none of which the client needs to know.
    [[maybe_unused]] const auto stored = store_->insert(flight.key(), *answer.message, now, flight.denies_beneath);
  } else if (answer.rcode == dns::rcode::servfail) {
    store_->insert_failure(
        flight.key(), {.info_code = answer.info_code.value_or(dns::extended_error::other), .text = answer.text}, now);
  }
}

bool Flights::answer_stale(const Flight& flight, Request& request, runtime::Time now) {
  if (store_ == nullptr) return false;
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
