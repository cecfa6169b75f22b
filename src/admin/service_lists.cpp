// The lists of the service: the cache, clients, recent queries.

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <tuple>
#include <utility>

#include <boost/json/array.hpp>

#include "admin/arguments.hpp"
#include "admin/cache_view.hpp"
#include "admin/service.hpp"
#include "dns/name.hpp"
#include "presentation/mnemonics.hpp"
#include "runtime/stable_sort.hpp"

namespace pillion::admin {
namespace json = boost::json;

using boost::beast::http::status;

namespace {

constexpr std::size_t most_names = 1000;
constexpr std::size_t usual_clients = 100;
constexpr std::size_t most_clients = 1000;
constexpr std::size_t usual_queries = 100;
constexpr std::size_t most_queries = 1000;

std::string_view to_string(cache::Kind kind) {
  switch (kind) {
    case cache::Kind::positive:
      return "positive";
    case cache::Kind::nxdomain:
      return "nxdomain";
    case cache::Kind::nodata:
      return "nodata";
    case cache::Kind::failure:
      break;
  }
  return "failure";
}

std::string_view to_string(cache::Freshness freshness) {
  switch (freshness) {
    case cache::Freshness::fresh:
      return "fresh";
    case cache::Freshness::stale:
      return "stale";
    case cache::Freshness::miss:
      break;
  }
  return "miss";
}

template <typename Answer>
std::uint64_t missing(const std::vector<std::optional<Answer>>& answers) {
  return static_cast<std::uint64_t>(std::ranges::count_if(answers, [](const auto& answer) { return !answer; }));
}

/// The elements of all shards that answered.
template <typename Element>
std::vector<Element> joined(std::vector<std::optional<std::vector<Element>>>& answers) {
  std::vector<Element> all;
  for (auto& answer : answers) {
    if (answer) std::ranges::move(*answer, std::back_inserter(all));
  }
  return all;
}

json::object name_json(const CacheName& name) {
  json::object object;
  object["name"] = name.name;
  object["type"] = name.type == cache::every_type ? std::string("*") : presentation::type_to_text(name.type);
  object["kind"] = to_string(name.kind);
  object["hits"] = name.hits;
  object["expires_in_seconds"] = seconds(name.expires_in);
  return object;
}

json::object answer_json(const CacheAnswer& answer, std::size_t shard) {
  const bool is_held = answer.freshness != cache::Freshness::miss;
  const auto held = [is_held](json::value value) { return is_held ? std::move(value) : json::value(nullptr); };
  json::object object;
  object["shard"] = shard;
  object["state"] = to_string(answer.freshness);
  object["kind"] = held(json::string(to_string(answer.kind)));
  object["rcode"] = held(json::string(presentation::rcode_to_text(answer.rcode)));
  object["name"] = held(json::string(answer.name));
  object["age_seconds"] = held(seconds(answer.age));
  object["expires_in_seconds"] = held(seconds(answer.expires_in));
  object["hits"] = held(answer.hits);
  object["bytes"] = held(answer.bytes);
  json::array records;
  for (const auto& record : answer.records) records.emplace_back(record);
  object["records"] = std::move(records);
  return object;
}

bool misbehaves(const server::ClientFacts& client) {
  return client.banned_until || client.refused > 0 ||
         std::ranges::any_of(client.invalid, [](std::uint32_t count) { return count > 0; });
}

json::object client_json(const server::ClientFacts& client, const Moment& moment) {
  runtime::EnumArray<dns::QueryError, std::uint64_t> invalid{};
  std::ranges::copy(client.invalid, invalid.begin());
  json::object object;
  object["address"] = server::to_string(client.address, client.bits);
  object["connections"] = client.connections;
  object["in_flight"] = client.in_flight;
  object["refused"] = client.refused;
  object["invalid"] = nonzero(server::invalid_labels, invalid);
  object["invalid_in_last_minute"] = client.score;
  object["last_seen_seconds"] = std::max(0.0, seconds(moment.now() - client.last_seen));
  object["banned_for_seconds"] = or_null(
      client.banned_until ? std::optional(std::max(0.0, seconds(*client.banned_until - moment.now()))) : std::nullopt);
  return object;
}

/// One record for each client, merged from all shards.
std::vector<server::ClientFacts> merged(std::vector<server::ClientFacts> clients) {
  std::ranges::sort(clients, {}, &server::ClientFacts::address);
  std::vector<server::ClientFacts> merged;
  for (auto& client : clients) {
    if (merged.empty() || merged.back().address != client.address) {
      merged.push_back(client);
      continue;
    }
    auto& known = merged.back();
    known.connections += client.connections;
    known.in_flight += client.in_flight;
    known.refused += client.refused;
    known.score += client.score;
    known.last_seen = std::max(known.last_seen, client.last_seen);
    for (std::size_t i = 0; i < known.invalid.size(); ++i) known.invalid[i] += client.invalid[i];
    if (client.banned_until) known.banned_until = std::max(known.banned_until, client.banned_until);
  }
  return merged;
}

json::object query_json(const server::RecentQuery& query, const Moment& moment) {
  json::object object;
  object["at"] = moment.text(query.answered_at);
  object["client"] = server::to_string(query.client);
  object["transport"] = server::transport_labels[query.transport];
  object["name"] = dns::to_text(dns::Bytes(query.name).first(query.name_size));
  object["type"] = presentation::type_to_text(query.type);
  object["rcode"] = presentation::rcode_to_text(query.rcode);
  object["source"] = resolve::source_labels[query.source];
  object["duration_seconds"] = seconds(query.duration);
  return object;
}

http::HttpResponse bad_request(const std::string& detail) {
  return problem_response(status::bad_request, detail);
}

}  // namespace

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until the handler ends
AdminService::Response AdminService::cache(const Request& request) {
  if (const auto checked = check_parameters(request.target, {"top"}); !checked) co_return bad_request(checked.error());
  const auto top = read_number(request.target, "top", 1, most_names, 0);
  if (!top) co_return bad_request(top.error());
  json::object object;
  object["top"] = nullptr;
  if (*top > 0) {
    ShardQuestion<std::vector<CacheName>> question = top_names(*top);
    auto answers = co_await questions_.ask(std::move(question));
    auto names = joined(answers);
    runtime::sort_stably(names, &CacheName::hits, std::ranges::greater{});
    names.resize(std::min(names.size(), *top));
    json::array listed;
    for (const auto& name : names) listed.push_back(name_json(name));
    object["top"] = std::move(listed);
  }
  object["numbers"] = cache_json(figures(Moment()).cache);
  co_return json_response(object);
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until the handler ends
AdminService::Response AdminService::cache_lookup(const Request& request) {
  const auto question = read_question(request.target);
  if (!question) co_return bad_request(question.error());
  ShardQuestion<CacheAnswer> look = [question = *question](ShardView& shard) {
    return std::optional(look_up(shard.cache(), question, shard.now()));
  };
  const auto answers = co_await questions_.ask(std::move(look));
  bool is_found = false;
  json::array listed;
  for (std::size_t shard = 0; shard < answers.size(); ++shard) {
    if (!answers[shard]) continue;
    is_found = is_found || answers[shard]->freshness != cache::Freshness::miss;
    listed.push_back(answer_json(*answers[shard], shard));
  }
  json::object object;
  object["name"] = dns::to_text(question->name);
  object["type"] = presentation::type_to_text(question->type);
  object["found"] = is_found;
  object["answers"] = std::move(listed);
  co_return json_response(object);
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until the handler ends
AdminService::Response AdminService::clients(const Request& request) {
  const auto checked = check_parameters(request.target, {"misbehaving", "limit"});
  if (!checked) co_return bad_request(checked.error());
  const auto only_misbehaving = read_flag(request.target, "misbehaving");
  if (!only_misbehaving) co_return bad_request(only_misbehaving.error());
  const auto limit = read_number(request.target, "limit", 1, most_clients, usual_clients);
  if (!limit) co_return bad_request(limit.error());

  ShardQuestion<std::vector<server::ClientFacts>> question = [](ShardView& shard) {
    return std::optional(shard.clients());
  };
  auto answers = co_await questions_.ask(std::move(question));
  auto all = merged(joined(answers));
  const auto total = all.size();
  if (*only_misbehaving) std::erase_if(all, [](const auto& client) { return !misbehaves(client); });
  const auto weight = [](const server::ClientFacts& client) {
    return std::tuple(client.banned_until.has_value(), misbehaves(client), client.score, client.connections);
  };
  runtime::sort_stably(all, weight, std::ranges::greater{});
  all.resize(std::min(all.size(), *limit));
  const Moment moment;
  json::array listed;
  for (const auto& client : all) listed.push_back(client_json(client, moment));
  json::object object;
  object["clients"] = std::move(listed);
  object["total"] = total;
  object["missing_shards"] = missing(answers);
  co_return json_response(object);
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until the handler ends
AdminService::Response AdminService::recent(const Request& request) {
  if (const auto checked = check_parameters(request.target, {"limit"}); !checked)
    co_return bad_request(checked.error());
  const auto limit = read_number(request.target, "limit", 1, most_queries, usual_queries);
  if (!limit) co_return bad_request(limit.error());
  ShardQuestion<std::vector<server::RecentQuery>> question = [most = *limit](ShardView& shard) {
    return std::optional(shard.recent().newest(most));
  };
  auto answers = co_await questions_.ask(std::move(question));
  auto queries = joined(answers);
  runtime::sort_stably(queries, &server::RecentQuery::answered_at, std::ranges::greater{});
  queries.resize(std::min(queries.size(), *limit));
  const Moment moment;
  json::array listed;
  for (const auto& query : queries) listed.push_back(query_json(query, moment));
  const auto size = config_.config->admin.recent;
  json::object object;
  object["enabled"] = size > 0;
  object["size"] = size;
  object["queries"] = std::move(listed);
  object["missing_shards"] = missing(answers);
  co_return json_response(object);
}

}  // namespace pillion::admin
