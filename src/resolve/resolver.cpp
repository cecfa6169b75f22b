#include "resolve/resolver.hpp"

#include <algorithm>
#include <utility>

#include "dns/edns.hpp"
#include "dns/name.hpp"
#include "resolve/changed_names.hpp"

namespace pillion::resolve {
namespace {

/// The groups of `old` that `next` does not share.
std::vector<std::shared_ptr<UpstreamGroup>> groups_that_go(const Generation& old, const Generation& next) {
  auto groups = old.groups();
  std::erase_if(groups,
                [&](const auto& each) { return std::ranges::find(next.groups(), each) != next.groups().end(); });
  return groups;
}

}  // namespace

Resolver::Resolver(runtime::Schedule& schedule, runtime::Random& random, runtime::Log& log,
                   runtime::MemoryShares& memory, Setup setup)
    : schedule_(schedule),
      log_(log),
      generation_(std::make_unique<Generation>(schedule, std::move(setup))),
      retired_(schedule, metrics_.generations),
      cache_(generation_->cache().size != 0 ? std::make_unique<cache::Store>(generation_->cache(), random.u64())
                                            : nullptr),
      in_flight_(schedule, cache_.get(), generation_->cache(), metrics_, memory, random.u64()),
      output_memory_(memory.output),
      walk_memory_(memory.walks),
      walk_tools_(random.u64()) {}

Resolver::Found Resolver::look(const dns::QueryView& query) {
  const auto base = walk_of(query);
  if (!base) return look_without_search(query);
  if (cache_) {
    const auto now = schedule_.clock().now();
    auto key = cache::key_of(query);
    key.searched = true;
    if (const auto* const entry = cache_->lookup_found(key, now))
      return {.answer = fresh_answer(*entry, now), .miss = {}};
    key.searched = false;
    // A walk ends with the first candidate that exists. This name is the first candidate.
    if (cache_->has_existing(key, now)) return look_without_search(query);
  }
  return {.answer = {}, .miss = {.destination = {}, .walk = base}};
}

/// The base of the search walk that Pillion makes for this query, or nullopt if it makes none.
std::optional<dns::Bytes> Resolver::walk_of(const dns::QueryView& query) const {
  const auto& search = generation_->search();
  if (!search || query.question().klass != dns::klass::in || query.message.is_signed() || !query.is_recursive())
    return std::nullopt;
  return search->base_of(query.question().name, query.question().type);
}

Resolver::Found Resolver::look_without_search(const dns::QueryView& query) {
  const auto& question = query.question();
  if (auto* const probe = generation_->asking_probe(query)) {
    probe->found(metrics_, log_);
    return {
        .answer =
            Answer{.rcode = dns::rcode::refused, .info_code = dns::extended_error::other, .text = "forwarding loop"},
        .miss = {}};
  }
  const auto place = generation_->find(generation_->name_to_route(question));
  if (place.zone != nullptr) return {.answer = answer_from(*place.zone, query), .miss = {}};

  const auto& search = generation_->search();
  if (search && !search->may_exist(question.name)) {
    metrics_.search_withheld.add();
    return {.answer = Answer{.rcode = dns::rcode::nxdomain}, .miss = {}};
  }

  Found found;
  auto& miss = found.miss;
  const auto& group = *place.group;
  miss.destination = {.key = cache::key_of(query),
                      .group = group.group.get(),
                      .is_plaintext = !group.encrypted,
                      .has_loop = group.loop_probe && group.loop_probe->has_found()};
  miss.is_signed = query.message.is_signed();
  // A query without RD asks what a server knows already (RFC 1035 4.1.1). Its answer must not be shared.
  miss.is_recursive = query.is_recursive();
  if (cache_ && !miss.is_signed) found.answer = answer_from_cache(query, miss.destination);
  return found;
}

Answer Resolver::answer_from(const LocalZone& zone, const dns::QueryView& query) {
  scratch_.clear();
  zone.append_answer(query, scratch_);
  const auto message = dns::MessageView::parse(scratch_).value();
  return {.source = Source::local, .message = message, .rcode = message.header().rcode()};
}

Answer Resolver::fresh_answer(const cache::Entry& entry, runtime::Time now) {
  // A pseudo-random number, since the hits of one name may be every second or third of all hits: a linear congruential
  // generator (Knuth's MMIX).
  turns_ = turns_ * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
  return {.source = Source::cache, .entry = &entry, .now = now, .rotation = generation_->rotates() ? turns_ >> 33U : 0};
}

std::optional<Answer> Resolver::answer_from_cache(const dns::QueryView& query, Destination& destination) {
  const auto now = schedule_.clock().now();
  auto found = cache_->lookup(destination.key, now, destination.group->recovered_at());
  if (found.prefetch_due && query.is_recursive() && prefetch_budget_.may_spend()) {
    prefetch(query, destination);
    // The upstream may have answered already and replaced the entry.
    found = cache_->lookup_stale(destination.key, now);
  }
  destination.has_stale = found.freshness == cache::Freshness::stale;
  if (found.freshness == cache::Freshness::fresh) return fresh_answer(*found.entry, now);
  if (destination.has_stale && found.failed_recently) return stale_answer(*found.entry, now);
  return std::nullopt;
}

/// RFC 8767 section 4 allows refreshing popular answers before they expire.
void Resolver::prefetch(const dns::QueryView& query, const Destination& destination) {
  cache_->mark_refreshing(destination.key);
  if (!in_flight_.refresh(query, with_denial(destination))) return;
  prefetch_budget_.spend();
  metrics_.prefetches.add();
}

void Resolver::ask(const dns::QueryView& query, const Miss& miss, Request& request) {
  if (!miss.walk) return ask_upstream(query, miss, request);
  if (auto* const walk = walks_.acquire()) return walk->start(*this, query, *miss.walk, request);
  // Without room for a walk, the client walks by itself.
  const auto found = look_without_search(query);
  if (found.answer) return request.answered(*found.answer);
  ask_upstream(query, found.miss, request);
}

/// `miss` is of a question without a walk.
void Resolver::ask_upstream(const dns::QueryView& query, const Miss& miss, Request& request) {
  if (miss.is_signed) return miss.destination.group->resolve(query, request);
  if (!miss.is_recursive) return in_flight_.ask_alone(query, miss.destination, request);
  if (in_flight_.join(query, with_denial(miss.destination), request)) prefetch_budget_.earn();
}

/// Adds what only a question that is asked needs, so that a hit does not compute it.
Destination Resolver::with_denial(Destination destination) const {
  const auto name = destination.key.name;
  if (destination.is_plaintext) {
    // CoreDNS answers NXDOMAIN for most types of a namespace and of the cluster's zone.
    destination.denial = cache::Denial::type;
  } else if (generation_->leads_elsewhere(name)) {
    destination.denial = cache::Denial::name;
  }
  return destination;
}

void Resolver::replace(std::unique_ptr<Generation>&& next) {
  // What may throw comes first.
  ChangedNames changed(*generation_, *next);
  retired_.add(groups_that_go(*generation_, *next));
  const auto old = std::exchange(generation_, std::move(next));
  ++generation_number_;
  in_flight_.configure(generation_->cache());
  in_flight_.sort_out([&](dns::Bytes name) { return changed.fate_of(name, false); });
  if (cache_) {
    cache_->configure(generation_->cache());
    cache_->sort_out([&](dns::Bytes name, cache::Kind kind, bool searched) {
      // A failure of the old group says nothing about the new one.
      const bool is_over = kind == cache::Kind::failure && !changed.is_asked_as_before(name);
      return is_over ? cache::Fate::dropped : changed.fate_of(name, searched);
    });
  }
}

void Resolver::retire(const Generation& generation) {
  retired_.add(groups_that_go(generation, *generation_));
}

void Resolver::stop() {
  for (const auto& each : generation_->groups()) {
    if (each->loop_probe) each->loop_probe->stop();
    each->group->stop();
  }
  retired_.stop();
}

bool Resolver::trim() {
  bool is_more = in_flight_.trim();
  is_more |= walks_.trim();
  for (const auto& each : generation_->groups()) is_more |= each->group->trim();
  return retired_.trim() || is_more;
}

bool Resolver::is_stopped() const {
  return retired_.are_stopped() &&
         std::ranges::all_of(generation_->groups(), [](const auto& each) { return each->group->is_stopped(); });
}

}  // namespace pillion::resolve
