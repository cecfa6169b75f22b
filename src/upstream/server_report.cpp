#include "upstream/server_report.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace pillion::upstream {

void ServerReport::connected(const Handshake& handshake, runtime::Time now) {
  metrics_.tried.set(true);
  if (handshake.encrypted) {
    last_handshake_ = {.handshake = handshake, .at = now};
    (handshake.resumed ? metrics_.handshakes_resumed : metrics_.handshakes_full).add();
    metrics_.handshake_duration.observe(handshake.duration);
    metrics_.certificate_not_after.set(static_cast<double>(std::chrono::system_clock::to_time_t(handshake.not_after)));
    metrics_.tls_connections.add(handshake.version, handshake.group, handshake.cipher);
    note_groups(handshake);
  }
  const auto milliseconds = std::chrono::duration<double, std::milli>(handshake.duration).count();
  const auto level = std::exchange(was_connected_, true) ? runtime::LogLevel::debug : runtime::LogLevel::info;
  log_.log(level, "upstream connected",
           {{"upstream", upstream_},
            {"server", server_},
            {"tls", handshake.version},
            {"group", handshake.group},
            {"resumed", handshake.resumed},
            {"ms", milliseconds}});
}

/// Logs once that the post-quantum groups are not offered, and once that they are offered again.
void ServerReport::note_groups(const Handshake& handshake) {
  if (handshake.fell_back) metrics_.group_fallbacks.add();
  if (handshake.fell_back == std::exchange(fell_back_, handshake.fell_back)) return;
  const auto* const text =
      handshake.fell_back ? "upstream does not answer a handshake with post-quantum key exchange: connecting without it"
                          : "upstream answers handshakes with post-quantum key exchange again";
  log_.log(handshake.fell_back ? runtime::LogLevel::warn : runtime::LogLevel::info, text,
           {{"upstream", upstream_}, {"server", server_}, {"group", handshake.group}});
}

void ServerReport::replied(const Reply& reply) {
  metrics_.responses[std::min<std::size_t>(reply.rcode, labelled_rcodes)].add();
  metrics_.request_duration.observe(reply.latency);
}

void ServerReport::count_failure(Error error, runtime::Time now) {
  metrics_.count_failure(error);
  last_failure_ = {.error = error, .at = now};
}

void ServerReport::failed(Error error, const std::string& detail, runtime::Time now) {
  metrics_.tried.set(true);
  count_failure(error, now);
  last_failure_->detail = detail;
  set_up(false);
  log_failure(error, detail, now);
}

/// Logs a new reason at once. A reason that repeats is logged at debug, and counted by a line every `repeated_after`.
void ServerReport::log_failure(Error error, const std::string& detail, runtime::Time now) {
  const bool is_new = !reported_ || reported_->error != error;
  if (is_new) reported_ = {.error = error, .logged_at = now, .repetitions = 0};
  if (!is_new) ++reported_->repetitions;
  const auto failure = [&](const auto&... more) {
    return std::array{runtime::Field{"upstream", upstream_},
                      runtime::Field{"server", server_},
                      runtime::Field{"reason", traits(error).reason},
                      runtime::Field{"error", traits(error).text},
                      runtime::Field{"detail", detail},
                      more...};
  };
  if (!is_new && now - reported_->logged_at >= repeated_after) {
    reported_->logged_at = now;
    const auto failures = std::exchange(reported_->repetitions, 0);
    return log_.log(runtime::LogLevel::warn, "upstream still fails", failure(runtime::Field{"failures", failures}));
  }
  log_.log(is_new ? runtime::LogLevel::warn : runtime::LogLevel::debug, "upstream failed", failure());
}

void ServerReport::answers_again() {
  set_up(true);
  if (!std::exchange(reported_, std::nullopt)) return;
  log_.info("upstream answers again", {{"upstream", upstream_}, {"server", server_}});
}

void ServerReport::edns_turned_off() {
  log_.warn("upstream answers only queries without EDNS: asking without it",
            {{"upstream", upstream_}, {"server", server_}});
}

}  // namespace pillion::upstream
