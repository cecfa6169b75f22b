#include "resolve/resolver.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "dns/edns.hpp"
#include "dns/name.hpp"
#include "resolve/special_zones.hpp"

namespace pillion::resolve {
namespace {

/// Targets of the route table: groups by their place, local zones by theirs behind this.
constexpr RouteTable::Target first_zone = 0x8000;

/// True if `name` lies in `zone` or is it.
bool lies_in(dns::Bytes name, dns::Bytes zone) {
  while (name.size() > zone.size()) name = name.subspan(std::size_t{1} + name[0]);
  return dns::equal_names(name, zone);
}

RouteTable::Target root_target(const Setup& setup) {
  const auto root =
      std::ranges::find_if(setup.routes, [](const Setup::GroupRoute& route) { return route.zone.size() == 1; });
  return static_cast<RouteTable::Target>(root->group);
}

}  // namespace

Resolver::Resolver(runtime::Schedule& schedule, runtime::Random& random, runtime::Log& log,
                   runtime::MemoryShares& memory, Setup setup)
    : schedule_(schedule),
      log_(log),
      groups_(std::move(setup.groups)),
      routes_(root_target(setup)),
      cache_(setup.cache.size != 0 ? std::make_unique<cache::Store>(setup.cache, random.u64()) : nullptr),
      in_flight_(schedule, cache_.get(), setup.cache, metrics_, memory, random.u64()),
      search_(std::move(setup.search)),
      output_memory_(memory.output),
      walk_memory_(memory.walks),
      walk_tools_(random.u64()),
      rotates_(setup.rotate) {
  // What the configuration says of a zone goes before what every resolver knows of it, or of a part of it.
  const auto is_configured = [&](dns::Bytes name) {
    const auto covers = [&](dns::Bytes zone) { return zone.size() > 1 && lies_in(name, zone); };
    return std::ranges::any_of(setup.routes, covers, &Setup::GroupRoute::zone) ||
           std::ranges::any_of(setup.zones, covers, &Setup::Zone::name);
  };
  for (auto& special : special_zones()) {
    if (!is_configured(special.name)) zones_.push_back({.name = special.name, .zone = std::move(special.zone)});
  }
  for (auto& zone : setup.zones) zones_.push_back(std::move(zone));
  for (const auto& route : setup.routes) {
    routes_.add(route.zone, static_cast<RouteTable::Target>(route.group));
    if (search_) search_->allow(route.zone);
  }
  for (std::size_t i = 0; i < zones_.size(); ++i)
    routes_.add(zones_[i].name, static_cast<RouteTable::Target>(first_zone + i));
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const auto route = std::ranges::find(setup.routes, i, &Setup::GroupRoute::group);
    if (groups_[i].encrypted || route == setup.routes.end()) continue;
    loop_probes_.push_back(
        std::make_unique<LoopProbe>(schedule, groups_[i].loop_label, *groups_[i].group, groups_[i].name, route->zone));
  }
}

void Resolver::start() {
  for (const auto& each : groups_) each.group->start();
  for (const auto& probe : loop_probes_) probe->start();
}

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
    // A walk ends with the first candidate that exists, which is this name.
    if (cache_->has_existing(key, now)) return look_without_search(query);
  }
  return {.answer = {}, .miss = {.destination = {}, .walk = base}};
}

/// The base of the walk that this query begins, if it begins one that is made here.
std::optional<dns::Bytes> Resolver::walk_of(const dns::QueryView& query) const {
  if (!search_ || query.question().klass != dns::klass::in || query.message.is_signed() || !query.is_recursive())
    return std::nullopt;
  return search_->base_of(query.question().name, query.question().type);
}

Resolver::Found Resolver::look_without_search(const dns::QueryView& query) {
  const auto& question = query.question();
  for (const auto& probe : loop_probes_) {
    if (!probe->is_asked_by(query)) continue;
    probe->found(metrics_, log_);
    return {
        .answer =
            Answer{.rcode = dns::rcode::refused, .info_code = dns::extended_error::other, .text = "forwarding loop"},
        .miss = {}};
  }
  const auto target = routes_.find(question.name);
  if (target >= first_zone) return {.answer = answer_from(zones_[target - first_zone].zone, query), .miss = {}};

  if (search_ && !search_->may_exist(question.name)) {
    metrics_.search_withheld.add();
    return {.answer = Answer{.rcode = dns::rcode::nxdomain}, .miss = {}};
  }

  Found found;
  auto& miss = found.miss;
  const auto& group = groups_[target];
  miss.destination = {.key = cache::key_of(query), .group = group.group.get(), .is_plaintext = !group.encrypted};
  miss.is_signed = query.message.is_signed();
  // A query without RD asks what we know (RFC 1035 4.1.1), and what the upstream knows; nothing for others to have.
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
  // Drawn, for the hits of one name may be every second or third of all: a linear congruential generator (Knuth's
  // MMIX).
  turns_ = turns_ * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
  return {.source = Source::cache, .entry = &entry, .now = now, .rotation = rotates_ ? turns_ >> 33U : 0};
}

std::optional<Answer> Resolver::answer_from_cache(const dns::QueryView& query, Destination& destination) {
  const auto now = schedule_.clock().now();
  auto found = cache_->lookup(destination.key, now, destination.group->recovered_at());
  if (found.prefetch_due && query.is_recursive() && prefetch_budget_.may_spend()) {
    prefetch(query, destination);
    // The upstream may have answered already, in place of what was found.
    found = cache_->lookup_stale(destination.key, now);
  }
  destination.has_stale = found.freshness == cache::Freshness::stale;
  if (found.freshness == cache::Freshness::fresh) return fresh_answer(*found.entry, now);
  if (destination.has_stale && found.failed_recently) return stale_answer(*found.entry, now);
  return std::nullopt;
}

/// RFC 8767 section 4 lets popular answers be refreshed before they expire.
void Resolver::prefetch(const dns::QueryView& query, const Destination& destination) {
  cache_->mark_refreshing(destination.key);
  if (!in_flight_.refresh(query, with_denial(destination))) return;
  prefetch_budget_.spend();
  metrics_.prefetches.add();
}

void Resolver::ask(const dns::QueryView& query, const Miss& miss, Request& request) {
  if (miss.walk) {
    auto* const walk = walks_.acquire();
    // Without a place for it, the client walks by itself.
    if (walk != nullptr) return walk->start(*this, query, *miss.walk, request);
    auto found = look_without_search(query);
    return found.answer ? request.answered(*found.answer) : ask(query, found.miss, request);
  }
  if (miss.is_signed) return miss.destination.group->resolve(query, request);
  if (!miss.is_recursive) return in_flight_.ask_alone(query, miss.destination, request);
  if (in_flight_.join(query, with_denial(miss.destination), request)) prefetch_budget_.earn();
}

/// With what only a question that is asked has to know, so that a hit does not look for it.
Destination Resolver::with_denial(Destination destination) const {
  const auto name = destination.key.name;
  if (destination.is_plaintext) {
    // CoreDNS says NXDOMAIN of a namespace and of the cluster's zone to all types but a few.
    destination.denial = cache::Denial::type;
  } else if (routes_.leads_to_zone(name) || (search_ && search_->leads_to_domain(name))) {
    destination.denial = cache::Denial::name;
  }
  return destination;
}

void Resolver::stop() {
  for (const auto& probe : loop_probes_) probe->stop();
  for (const auto& each : groups_) each.group->stop();
}

void Resolver::trim() {
  in_flight_.trim();
  walks_.trim();
  for (const auto& each : groups_) each.group->trim();
}

bool Resolver::is_stopped() const {
  return std::ranges::all_of(groups_, [](const auto& each) { return each.group->is_stopped(); });
}

bool Resolver::is_warm() const {
  constexpr std::array<std::uint8_t, 1> root = {0};
  return groups_[routes_.find(root)].group->is_warm();
}

}  // namespace pillion::resolve
