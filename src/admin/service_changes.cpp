// The changes that the service makes, if admin.read_only allows them.

#include <chrono>
#include <utility>

#include "admin/arguments.hpp"
#include "admin/cache_view.hpp"
#include "admin/service.hpp"

namespace pillion::admin {
namespace json = boost::json;

using boost::beast::http::status;

namespace {

/// A large cache is flushed in parts, and the shard answers queries in between.
constexpr std::chrono::milliseconds flush_patience{10'000};
/// A reload reads files, and new upstreams have up to 5 s for their handshakes.
constexpr std::chrono::milliseconds reload_patience{15'000};
/// The interval at which the service looks whether a reload has ended.
constexpr std::chrono::milliseconds look_every{20};

}  // namespace

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until the handler ends
AdminService::Response AdminService::flush_cache(const Request& request) {
  const auto order = read_flush(request.body);
  if (!order) co_return problem_response(status::bad_request, order.error());
  ShardQuestion<std::uint64_t> question = flush(*order);
  const auto answers = co_await questions_.ask(std::move(question), flush_patience);
  std::uint64_t flushed = 0;
  for (const auto& answer : answers) {
    if (!answer) co_return problem_response(status::service_unavailable, "a thread has not flushed its cache in time");
    flushed += *answer;
  }
  json::object object;
  object["flushed"] = flushed;
  co_return json_response(object);
}

AdminService::Response AdminService::log_level(const Request& request) {
  const auto level = read_log_level(request.body);
  if (!level) return http::respond(problem_response(status::bad_request, level.error()));
  json::object object;
  object["before"] = to_string(hooks_.log_level());
  hooks_.set_log_level(*level);
  object["level"] = to_string(*level);
  return http::respond(json_response(object));
}

/// Waits for a reload that starts after the request, since one that was already running may have read the files before
/// they changed.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server keeps it until the handler ends
AdminService::Response AdminService::reload(const Request& /*request*/) {
  const auto before = hooks_.reloads();
  if (!before || !hooks_.request_reload())
    co_return problem_response(status::service_unavailable, "this process cannot reload its configuration");
  const auto until = runtime::Clock::now() + reload_patience;
  while (runtime::Clock::now() < until) {
    const bool goes_on = co_await questions_.pause(look_every);
    if (!goes_on) break;
    const auto now = hooks_.reloads();
    if (!now || now->finished <= before->started) continue;
    json::object object;
    object["succeeded"] = now->succeeded;
    object["text"] = now->text;
    co_return json_response(object);
  }
  co_return problem_response(status::service_unavailable,
                             "the reload has not ended in time; the log will say how it ends");
}

AdminService::Response AdminService::drain(const Request& /*request*/) {
  hooks_.drain();
  json::object object;
  object["draining"] = true;
  object["timeout_seconds"] = std::chrono::duration<double>(config_.config->drain_timeout).count();
  return http::respond(json_response(object, status::accepted));
}

}  // namespace pillion::admin
