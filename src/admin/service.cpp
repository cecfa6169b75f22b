#include "admin/service.hpp"

#include <array>
#include <utility>

#include "admin/arguments.hpp"
#include "admin/guard.hpp"
#include "admin/sbom.hpp"
#include "admin/trace_json.hpp"
#include "config/load.hpp"
#include "http/assets.hpp"

namespace pillion::admin {

using boost::beast::http::status;
using boost::beast::http::verb;

namespace {

/// The page loads nothing from elsewhere, and no other site may embed it. It shows names from queries, so that it must
/// not write markup (it has no trusted types).
constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Longer than any query: a walk along a search list is several queries, each with its own budget.
constexpr std::chrono::seconds longest_query{30};

}  // namespace

AdminService::AdminService(boost::asio::io_context& io, runtime::Log& log, std::vector<PostToShard> shards,
                           AdminHooks hooks, ConfigView config)
    : hooks_(std::move(hooks)),
      config_(std::move(config)),
      questions_(io, std::move(shards)),
      feed_(questions_, log,
            {.figures = [this](runtime::Time now) { return read_figures(hooks_.sources(), now); },
             .situation =
                 [this] {
                   return Situation{
                       .state = hooks_.state(),
                       .loops_turn = hooks_.loops_turn(),
                       .last_reload_failed = hooks_.sources().reloads->last_failed.value(),
                       .unix_seconds =
                           std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count()};
                 }}) {}

http::Site AdminService::site() {
  http::Site site;
  site.guard = [this](const Request& request) -> std::optional<http::HttpResponse> {
    const auto refused = judge_request(request, config_.config->admin.read_only);
    if (!refused) return std::nullopt;
    return problem_response(refused->status, refused->detail);
  };
  site.refuse = problem_response;
  site.fields = {{"Content-Security-Policy", std::string(content_security_policy)},
                 {"Cross-Origin-Opener-Policy", "same-origin"},
                 {"Cross-Origin-Resource-Policy", "same-origin"},
                 {"Referrer-Policy", "no-referrer"},
                 {"X-Content-Type-Options", "nosniff"},
                 {"X-Frame-Options", "DENY"}};
  add_reads(site);
  add_changes(site);
  return site;
}

void AdminService::add_reads(http::Site& site) {
  using Member = Response (AdminService::*)(const Request&);
  struct Read {
    std::string_view path;
    Member member;
  };
  constexpr std::array<Read, 11> reads = {{{"/api/v1/status", &AdminService::status},
                                           {"/api/v1/upstreams", &AdminService::upstreams},
                                           {"/api/v1/connections", &AdminService::connections},
                                           {"/api/v1/certificates", &AdminService::certificates},
                                           {"/api/v1/cache", &AdminService::cache},
                                           {"/api/v1/cache/lookup", &AdminService::cache_lookup},
                                           {"/api/v1/resolve", &AdminService::resolve},
                                           {"/api/v1/config", &AdminService::config},
                                           {"/api/v1/clients", &AdminService::clients},
                                           {"/api/v1/recent", &AdminService::recent},
                                           {"/api/v1/events", &AdminService::events}}};
  for (const auto& [path, member] : reads) {
    site.routes.push_back(
        {.path = path, .handler = [this, member](const Request& request) { return (this->*member)(request); }});
  }
  for (const auto& asset : http::assets()) {
    site.routes.push_back({.path = asset.path, .handler = [&asset](const Request& request) {
                             return http::respond(http::serve_asset(asset, request));
                           }});
  }
}

void AdminService::add_changes(http::Site& site) {
  using Member = Response (AdminService::*)(const Request&);
  struct Change {
    std::string_view path;
    Member member;
  };
  constexpr std::array<Change, 4> changes = {{{"/api/v1/cache/flush", &AdminService::flush_cache},
                                              {"/api/v1/log-level", &AdminService::log_level},
                                              {"/api/v1/reload", &AdminService::reload},
                                              {"/api/v1/drain", &AdminService::drain}}};
  for (const auto& [path, member] : changes) {
    site.routes.push_back({.method = verb::post,
                           .path = path,
                           .handler = [this, member](const Request& request) { return (this->*member)(request); },
                           .takes_body = true});
  }
}

boost::asio::awaitable<ServerViews> AdminService::ask_servers() {
  return questions_.ask<std::vector<ServerView>>([](ShardView& shard) { return std::optional(shard.servers()); });
}

const std::string& AdminService::sbom_digest() {
  if (!sbom_) sbom_ = read_sbom_digest();
  return *sbom_;
}

AdminService::Response AdminService::status(const Request& /*request*/) {
  const Moment moment;
  const auto now = figures(moment);
  const auto verdict = feed_.judge(now);
  return http::respond(json_response(status_json({.sources = hooks_.sources(),
                                                  .figures = now,
                                                  .findings = verdict.findings,
                                                  .window_seconds = verdict.window_seconds,
                                                  .state = hooks_.state(),
                                                  .started = started_,
                                                  .file = file_,
                                                  .sbom = sbom_digest(),
                                                  .read_only = config_.config->admin.read_only,
                                                  .threads = config_.config->threads,
                                                  .listen = hooks_.listen(),
                                                  .log_level = hooks_.log_level()},
                                                 moment)));
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until the handler ends
AdminService::Response AdminService::upstreams(const Request& /*request*/) {
  const auto views = co_await ask_servers();
  const Moment moment;
  co_return json_response(upstreams_json(*config_.config, figures(moment), views, moment));
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until the handler ends
AdminService::Response AdminService::connections(const Request& /*request*/) {
  const auto views = co_await ask_servers();
  co_return json_response(connections_json(*config_.config, views, Moment()));
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until the handler ends
AdminService::Response AdminService::certificates(const Request& /*request*/) {
  const auto views = co_await ask_servers();
  co_return json_response(certificates_json(*config_.config, config_.tls, views, Moment()));
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until the handler ends
AdminService::Response AdminService::resolve(const Request& request) {
  const auto read = read_question(request.target);
  if (!read) co_return problem_response(status::bad_request, read.error());
  const server::ExplainedQuestion question{.name = read->name,
                                           .type = read->type,
                                           .dnssec_ok = read->dnssec_ok,
                                           .checking_disabled = read->checking_disabled};
  using Explained = std::optional<server::Explanation>;
  ShardQuestions::Errand<Explained> errand = [question](ShardView& shard, std::function<void(Explained)> done) {
    shard.explain(question, std::move(done));
  };
  const auto explained = co_await questions_.send(std::move(errand), longest_query);
  if (!explained)
    co_return problem_response(status::service_unavailable, "the thread has not answered the question in time");
  if (!*explained)
    co_return problem_response(status::too_many_requests,
                               "the limit of questions under way is reached; ask again later");
  co_return json_response(to_json(question, **explained));
}

AdminService::Response AdminService::config(const Request& /*request*/) {
  boost::json::object object;
  object["hash"] = hooks_.sources().config_hash;
  object["file"] = or_null(std::string_view(file_));
  object["yaml"] = config::to_yaml(*config_.config, true);
  object["reloads"] = reloads_json(hooks_.sources());
  return http::respond(json_response(object));
}

AdminService::Response AdminService::events(const Request& /*request*/) {
  if (!feed_.has_room())
    return http::respond(problem_response(status::service_unavailable,
                                          "the limit of listeners is reached; try again when one has ended"));
  http::HttpResponse response{.content_type = "text/event-stream"};
  response.stream = [this](http::ResponseStream& out) { return feed_.listen(out); };
  return http::respond(response);
}

}  // namespace pillion::admin
