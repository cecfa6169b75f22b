// The statements that set up a scenario: settings of the cache, upstream groups, routes, zones, the search list, and
// clients.

#include <algorithm>
#include <array>
#include <chrono>

#include "dns/name.hpp"
#include "presentation/zone_text.hpp"
#include "scenarios/stage.hpp"

namespace pillion::scenarios {
namespace {

std::chrono::seconds take_seconds(Words& words) {
  auto text = words.take("a time");
  if (!text.ends_with('s') || text.size() > 9 || text.find_first_not_of("0123456789") != text.size() - 1)
    words.fail("\"" + text + "\" is not a time such as 60s");
  return std::chrono::seconds(std::stoul(text));
}

bool take_switch(Words& words) {
  if (words.take_if("on")) return true;
  words.expect("off");
  return false;
}

dns::Buffer wire_name(const Words& words, const std::string& text) {
  auto name = dns::parse_name(text);
  if (!name) words.fail("\"" + text + "\" is not a name: " + name.error());
  return *name;
}

resolve::SearchList read_search(Words& words) {
  std::vector<dns::Buffer> domains;
  while (!words.take_if("ndots")) domains.push_back(wire_name(words, words.take("\"ndots\" behind the domains")));
  return {std::move(domains), static_cast<unsigned>(words.take_number("ndots"))};
}

struct Protocol {
  std::string_view name;
  config::Protocol value;
};
constexpr std::array protocols = {Protocol{"tls", config::Protocol::tls}, Protocol{"tcp", config::Protocol::tcp},
                                  Protocol{"udp", config::Protocol::udp}};

struct PolicyName {
  std::string_view name;
  config::PolicyKind value;
};
constexpr std::array policies = {
    PolicyName{"sequential", config::PolicyKind::sequential}, PolicyName{"fastest", config::PolicyKind::fastest},
    PolicyName{"round_robin", config::PolicyKind::round_robin}, PolicyName{"random", config::PolicyKind::random}};

}  // namespace

void Stage::read_cache(Words& words) {
  const auto key = words.take("what of the cache");
  if (key == "off") {
    cache_on_ = false;
  } else if (key == "size") {
    cache_.size = words.take_number("the size in bytes");
  } else if (key == "min_ttl") {
    cache_.min_ttl = take_seconds(words);
  } else if (key == "max_ttl") {
    cache_.max_ttl = take_seconds(words);
  } else if (key == "max_negative_ttl") {
    cache_.max_negative_ttl = take_seconds(words);
  } else if (key == "serve_stale") {
    cache_.serve_stale = take_seconds(words);
  } else if (key == "failure_ttl") {
    cache_.failure_ttl = take_seconds(words);
  } else if (key == "nxdomain_cut") {
    cache_.nxdomain_cut = take_switch(words);
  } else if (key == "prefetch") {
    cache_.prefetch = take_switch(words);
  } else if (key == "rotate") {
    rotate_ = take_switch(words);
  } else {
    words.fail("\"" + key + "\" is not a setting of the cache");
  }
}

// NAME [plaintext] | NAME tls|tcp|udp servers NAME… [policy POLICY] [budget TIME]
void Stage::read_group(Words& words) {
  GroupText group;
  group.settings.name = words.take("the group's name");
  auto& settings = group.settings;
  settings.policy = config::PolicyKind::sequential;
  const auto protocol = std::ranges::find(protocols, words.peek(), &Protocol::name);
  if (protocol != protocols.end()) {
    settings.protocol = protocol->value;
    words.take("the protocol");
    words.expect("servers");
    while (!words.empty() && words.peek() != "policy" && words.peek() != "budget")
      group.servers.push_back(words.take("a server"));
  } else if (words.take_if("plaintext")) {
    settings.protocol = config::Protocol::udp;
  }
  if (words.take_if("policy")) {
    const auto text = words.take("the policy");
    const auto policy = std::ranges::find(policies, text, &PolicyName::name);
    if (policy == policies.end()) words.fail("\"" + text + "\" is not a policy");
    settings.policy = policy->value;
  }
  if (words.take_if("budget")) settings.timeout = words.take_time();
  settings.servers.resize(group.servers.size());
  const auto found = std::ranges::find(group_texts_, settings.name, &GroupText::name);
  made_.erase(group.name());  // from now on it is another group
  (found == group_texts_.end() ? group_texts_.emplace_back() : *found) = std::move(group);
}

bool Stage::read_setting(Words& words) {
  static const std::vector<std::string_view> verbs = {"cache", "group", "route", "zone", "record", "search"};
  const bool is_upstream = words.peek() == "upstream" && words.peek(2) == "servers";
  if (!is_upstream && std::ranges::find(verbs, words.peek()) == verbs.end()) return false;
  if (resolver_ && !is_changing_) words.fail("settings come before everything else, or behind a change");
  if (words.take_if("cache")) {
    read_cache(words);
  } else if (is_upstream || words.take_if("group")) {
    read_group(words);
  } else if (words.take_if("route")) {
    auto zone = words.take("the zone");
    static_cast<void>(wire_name(words, zone));
    words.expect("to");
    routes_.emplace_back(std::move(zone), words.take("the group"));
    if (std::ranges::find(group_texts_, routes_.back().second, &GroupText::name) == group_texts_.end())
      words.fail("there is no group " + routes_.back().second);
  } else if (words.take_if("zone")) {
    zones_.push_back({.name = words.take("the zone"), .records = {}});
    static_cast<void>(wire_name(words, zones_.back().name));
  } else if (words.take_if("record")) {
    if (zones_.empty()) words.fail("a record needs a zone before it");
    std::string line;
    while (!words.empty()) line += (line.empty() ? "" : " ") + words.take("a record");
    auto record = presentation::parse_zone_record(line, wire_name(words, zones_.back().name));
    if (!record) words.fail(record.error());
    zones_.back().records.push_back(std::move(*record));
  } else {
    words.expect("search");
    search_.emplace(read_search(words));
  }
  words.expect_end();
  return true;
}

FakeGroup* Stage::find_group(const std::string& name) {
  const auto found = groups_.find(name);
  return found == groups_.end() ? nullptr : found->second;
}

Client* Stage::find_client(const std::string& name) {
  const auto found = clients_.find(name);
  return found == clients_.end() ? nullptr : found->second.get();
}

Client& Stage::add_client(const std::string& name) {
  auto& client = clients_[name];
  if (!client) client = std::make_unique<Client>();
  return *client;
}

}  // namespace pillion::scenarios
