// Makes a resolver of the settings of a scenario, and after a change a new generation.

#include <algorithm>
#include <cmath>
#include <utility>

#include "dns/name.hpp"
#include "scenarios/stage.hpp"

namespace pillion::scenarios {

std::shared_ptr<resolve::UpstreamGroup> Stage::make_group(const GroupText& text) {
  auto& made = made_[text.name()];
  if (made) return made;
  const bool encrypted = text.settings.protocol == config::Protocol::tls;
  made = std::make_shared<resolve::UpstreamGroup>();
  made->name = text.name();
  made->encrypted = encrypted;
  groups_.erase(text.name());
  if (text.servers.empty()) {
    auto fake = std::make_unique<FakeGroup>(encrypted);
    groups_[text.name()] = fake.get();
    made->group = std::move(fake);
    spoken_for_.push_back(made);
  } else {
    made->group = servers_.make_group(text.settings, text.servers);
    made->servers = text.servers;
  }
  return made;
}

resolve::Setup Stage::make_setup() {
  resolve::Setup setup;
  const auto is_root = [](const auto& route) { return dns::parse_name(route.first).value().size() == 1; };
  auto routes = routes_;
  if (std::ranges::none_of(routes, is_root)) routes.emplace_back(".", group_texts_.front().name());
  for (const auto& text : group_texts_) {
    // After a change, a group without a route is no longer a part of the configuration.
    if (is_changing_ &&
        std::ranges::find(routes, text.name(), [](const auto& route) { return route.second; }) == routes.end()) {
      made_.erase(text.name());
      continue;
    }
    setup.groups.push_back(make_group(text));
  }
  for (const auto& [zone, group] : routes) {
    const auto found = std::ranges::find_if(setup.groups, [&](const auto& each) { return each->name == group; });
    setup.routes.push_back(
        {.zone = dns::parse_name(zone).value(), .group = static_cast<std::size_t>(found - setup.groups.begin())});
  }
  for (auto& zone : zones_) {
    const auto name = dns::parse_name(zone.name).value();
    setup.zones.push_back({.name = name, .zone = resolve::LocalZone(name, std::move(zone.records))});
  }
  setup.cache = cache_;
  if (!cache_on_) setup.cache.size = 0;
  setup.rotate = rotate_;
  setup.search = std::move(search_);
  return setup;
}

/// Applies the settings if they are new.
void Stage::set_up() {
  if (resolver_ && !is_changing_) return;
  auto setup = make_setup();
  if (!std::exchange(is_changing_, false)) {
    resolver_ = std::make_unique<resolve::Resolver>(schedule_, random_, log_, memory_, std::move(setup));
    return;
  }
  auto next = std::make_unique<resolve::Generation>(schedule_, std::move(setup));
  if (started_) next->start();
  resolver_->replace(std::move(next));
  settle();
}

// changes: the following settings are those of the new configuration, complete except for groups and the cache.
void Stage::change_configuration(Words& words) {
  nothing_unseen(words);
  words.expect("changes");
  routes_.clear();
  zones_.clear();
  search_.reset();
  is_changing_ = true;
}

void Stage::play_resolver(Words& words) {
  nothing_unseen(words);
  if (words.take_if("starts")) return resolver_->start();
  if (words.take_if("has")) {
    const auto expected = words.take_number("how many");
    words.expect("generations");
    const auto actual = std::llround(resolver_->metrics().generations.value());
    if (std::cmp_not_equal(actual, expected)) words.fail("it has " + std::to_string(actual));
    return;
  }
  words.expect("holds");
  words.expect("at");
  const bool most = words.take_if("most");
  if (!most) words.expect("least");
  const auto bound = static_cast<double>(words.take_number("how many"));
  words.expect("answers");
  const auto* const metrics = resolver_->cache_metrics();
  const double held = metrics == nullptr ? 0 : metrics->entries.value();
  if (most ? held > bound : held < bound) words.fail("it holds " + std::to_string(std::llround(held)));
}

}  // namespace pillion::scenarios
