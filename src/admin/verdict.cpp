#include "admin/verdict.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <utility>

#include "admin/server_trouble.hpp"
#include "runtime/stable_sort.hpp"
#include "upstream/error.hpp"

namespace pillion::admin {
namespace {

using upstream::Error;

/// A server is slow if half of its answers take at least this long.
constexpr double slow_seconds = 0.3;
/// With fewer answers in the window, the verdict does not judge latency, and failures are only worth a notice.
constexpr std::uint64_t enough_answers = 10;
/// From this part (0 to 1) of failed answers on there is a notice if there are few answers.
constexpr double failing_part_of_few = 0.5;
/// From the first part (0 to 1) of failed answers on there is a warning, from the second one a critical finding.
constexpr double failing_part = 0.01;
constexpr double failing_badly_part = 0.2;
/// A certificate should have been renewed by the time that fewer days are left.
constexpr double days_to_renew = 7;
constexpr double seconds_of_day = 86'400;
/// From this part (0 to 1) on, a share of the memory is short.
constexpr double short_part = 0.95;

std::string number(std::uint64_t count) {
  return std::to_string(count);
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return number(count).append(" ").append(count == 1 ? one : many);
}

/// Rounds to the nearest number. `value` must not be negative.
std::uint64_t rounded(double value) {
  return static_cast<std::uint64_t>(value + 0.5);  // NOLINT(bugprone-incorrect-roundings): std::lround is of libm
}

std::string percent(double part) {
  return number(std::max<std::uint64_t>(1, rounded(part * 100))) + " %";
}

std::string milliseconds(double seconds) {
  return number(rounded(seconds * 1000)) + " ms";
}

bool is_of_certificate(Error error) {
  return error != Error::count_ && upstream::traits(error).is_lasting;
}

bool is_of_network(Error error) {
  return error == Error::unreachable || error == Error::connect_timeout;
}

class Judgement {
 public:
  Judgement(const Figures& now, const Figures& before, const Situation& situation)
      : now_(now), before_(before), situation_(situation), window_(" in the last " + window_text() + ".") {}

  std::vector<Finding> findings() {
    look_at_process();
    look_at_upstreams();
    look_at_answers();
    look_at_certificates();
    look_at_clients();
    look_at_memory();
    runtime::sort_stably(findings_, &Finding::severity, std::ranges::greater{});
    if (findings_.empty()) add_all_well();
    return std::move(findings_);
  }

 private:
  void add(Severity severity, std::string_view code, Fault fault, std::string text, std::string subject = {}) {
    findings_.push_back({severity, code, fault, std::move(text), std::move(subject)});
  }
  [[nodiscard]] std::string window_text() const {
    return counted(std::max<std::uint64_t>(1, rounded(window_of(now_, before_))), "second", "seconds");
  }
  [[nodiscard]] static std::uint64_t grown(std::uint64_t now, std::uint64_t before) {
    return now - std::min(now, before);
  }

  void look_at_process() {
    if (!situation_.loops_turn)
      add(Severity::critical, "loop_stuck", Fault::pillion,
          "An event loop of Pillion does not turn: its clients get no answers.");
    if (situation_.state == ProcessState::starting)
      add(Severity::notice, "starting", Fault::none, "Pillion is starting: it has reached no upstream yet.");
    if (situation_.state == ProcessState::draining)
      add(Severity::notice, "draining", Fault::none,
          "Pillion is draining: it answers until its clients are quiet, and then ends.");
    if (situation_.last_reload_failed)
      add(Severity::warning, "reload_failed", Fault::configuration,
          "Pillion refused the changed configuration and uses the old one; the log has the reasons.");
    if (const auto errors = grown(now_.internal_errors, before_.internal_errors); errors > 0)
      add(Severity::warning, "internal_errors", Fault::pillion,
          counted(errors, "internal error", "internal errors") + " of Pillion" + window_);
    if (const auto lines = grown(now_.log_lines_dropped, before_.log_lines_dropped); lines > 0)
      add(Severity::notice, "log_lines_dropped", Fault::pillion,
          counted(lines, "line", "lines") + " of the log could not be written" + window_);
    if (const auto loops = grown(now_.forwarding_loops, before_.forwarding_loops); loops > 0)
      add(Severity::critical, "forwarding_loop", Fault::configuration,
          "An unencrypted upstream sends Pillion's queries back to Pillion: it cannot resolve their names.");
  }

  void look_at_upstreams() {
    std::set<std::string_view> seen;
    for (const auto& server : now_.servers) {
      if (!seen.insert(server.upstream).second) continue;
      std::vector<const ServerFigures*> of_group;
      for (const auto& each : now_.servers) {
        if (each.upstream == server.upstream) of_group.push_back(&each);
      }
      look_at_group(of_group);
    }
  }

  void look_at_group(const std::vector<const ServerFigures*>& group) {
    const auto is_down = [](const ServerFigures* server) { return server->is_tried && !server->is_up; };
    const bool all_down = std::ranges::all_of(group, is_down);
    for (const auto* const server : group) {
      if (is_down(server)) {
        add_down(*server, all_down);
      } else {
        look_at_failures(*server);
        look_at_speed(*server);
      }
    }
  }

  void add_down(const ServerFigures& server, bool with_its_group) {
    const auto error = main_error(server, before_.find(server));
    const auto reason =
        error == Error::count_ ? std::string("it does not answer") : std::string(upstream::traits(error).text);
    const bool is_refused = is_of_certificate(error);
    const auto fault = is_of_network(error) ? Fault::network : Fault::upstream;
    const auto code = is_refused ? "certificate_refused" : with_its_group ? "upstream_down" : "server_down";
    auto text = "Server " + server.server + " of upstream " + server.upstream + " is down (" + reason + "): ";
    text += with_its_group ? "Pillion answers the names of this upstream only from its cache."
                           : "the other servers answer instead.";
    add(with_its_group ? Severity::critical : Severity::warning, code, fault, std::move(text), server.server);
  }

  void look_at_failures(const ServerFigures& server) {
    const auto trouble = trouble_of(server, before_.find(server));
    const double part = part_of(trouble.failures, trouble.asked);
    const bool are_few = trouble.asked < enough_answers;
    // An idle connection may be lost without any harm. So a few failures of a server only explain failed answers.
    if (are_few ? part < failing_part_of_few || !fails_few_answers() : part < failing_badly_part) return;
    add(are_few ? Severity::notice : Severity::warning, "server_failing", Fault::upstream,
        "Server " + server.server + " of upstream " + server.upstream + " is up, but fails " + percent(part) +
            " of its queries, most often since " + trouble.reason + "," + window_,
        server.server);
  }

  void look_at_speed(const ServerFigures& server) {
    const auto* const before = before_.find(server);
    const auto durations = server.request_duration.since(before == nullptr ? Durations{} : before->request_duration);
    if (durations.count() < enough_answers) return;
    const auto median = durations.quantile(0.5).value_or(0);
    if (median >= slow_seconds)
      add(Severity::warning, "server_slow", Fault::upstream,
          "Server " + server.server + " of upstream " + server.upstream + " is slow: half of its answers took " +
              milliseconds(median) + " or more" + window_,
          server.server);
  }

  /// The queries that Pillion refused for lack of room, which is the fault of the clients or of the limits.
  [[nodiscard]] std::uint64_t queries_without_room() const {
    std::uint64_t sum = 0;
    for (const auto refusal :
         {server::Refusal::client_share, server::Refusal::in_flight_limit, server::Refusal::memory_limit}) {
      sum += grown(now_.refused[refusal], before_.refused[refusal]);
    }
    return sum;
  }

  [[nodiscard]] static double part_of(std::uint64_t some, std::uint64_t all) {
    return all == 0 ? 0 : static_cast<double>(some) / static_cast<double>(all);
  }
  [[nodiscard]] std::uint64_t answers() const { return grown(now_.all_answers(), before_.all_answers()); }
  [[nodiscard]] std::uint64_t failed_answers() const {
    const auto failed = grown(now_.failed_answers(), before_.failed_answers());
    return failed - std::min(failed, queries_without_room());
  }
  [[nodiscard]] bool fails_few_answers() const {
    return answers() < enough_answers && part_of(failed_answers(), answers()) >= failing_part_of_few;
  }

  void look_at_answers() {
    constexpr std::string_view kinds = " failed (SERVFAIL, REFUSED, FORMERR or NOTIMP)";
    const auto all = counted(answers(), "answer", "answers");
    const auto part = part_of(failed_answers(), answers());
    if (fails_few_answers()) {
      add(Severity::notice, "answers_failing", Fault::upstream,
          (number(failed_answers()) + " of ").append(all).append(kinds).append(window_));
    } else if (answers() >= enough_answers && part >= failing_part) {
      const bool is_ours = std::ranges::any_of(now_.servers, [](const auto& server) { return server.is_up; });
      add(part >= failing_badly_part ? Severity::critical : Severity::warning, "answers_failing", Fault::upstream,
          (percent(part) + " of ")
              .append(all)
              .append(kinds)
              .append(is_ours ? "" : ", since no server is up,")
              .append(window_));
    }
    constexpr auto stale = resolve::Source::stale;
    if (const auto given = grown(now_.answers()[stale], before_.answers()[stale]); given > 0)
      add(Severity::warning, "stale_answers", Fault::upstream,
          counted(given, "answer was", "answers were") + " given although expired, since the upstream did not answer" +
              window_);
  }

  void look_at_certificates() {
    for (const auto& server : now_.servers) {
      if (server.certificate_not_after <= 0) continue;
      const double days = (server.certificate_not_after - situation_.unix_seconds) / seconds_of_day;
      if (days >= days_to_renew) continue;
      const auto left = days < 0   ? std::string("has expired")
                        : days < 1 ? std::string("expires within a day")
                                   : "expires in " + counted(static_cast<std::uint64_t>(days), "day", "days");
      add(Severity::warning, "certificate_expires", Fault::upstream,
          "The certificate of server " + server.server + " of upstream " + server.upstream + " " + left + ".",
          server.server);
    }
  }

  void look_at_clients() {
    std::uint64_t invalid = 0;
    for (std::size_t i = 0; i < now_.invalid.size(); ++i) invalid += grown(now_.invalid[i], before_.invalid[i]);
    if (invalid > 0)
      add(Severity::notice, "clients_misbehaving", Fault::clients,
          counted(invalid, "invalid query", "invalid queries") + " came from clients" + window_);
    std::uint64_t refused = 0;
    for (const auto refusal : runtime::enumerators<server::Refusal>) {
      if (server::is_limit(refusal) && refusal != server::Refusal::memory_limit)
        refused += grown(now_.refused[refusal], before_.refused[refusal]);
    }
    if (refused > 0)
      add(Severity::warning, "clients_refused", Fault::clients,
          counted(refused, "query or connection was", "queries and connections were") +
              " refused, since clients exceeded the limits" + window_);
  }

  void look_at_memory() {
    constexpr auto refusal = server::Refusal::memory_limit;
    const auto refused = grown(now_.refused[refusal], before_.refused[refusal]);
    if (refused > 0) {
      add(Severity::warning, "memory_short", Fault::clients,
          counted(refused, "query was", "queries were") + " refused for lack of memory" + window_);
      return;
    }
    for (const auto use : runtime::enumerators<runtime::MemoryUse>) {
      // The cache is meant to be full.
      if (use == runtime::MemoryUse::cache || now_.memory_limits[use] == 0) continue;
      const double part = static_cast<double>(now_.memory_used[use]) / static_cast<double>(now_.memory_limits[use]);
      if (part >= short_part)
        add(Severity::warning, "memory_short", Fault::clients,
            "The memory for " + std::string(runtime::memory_labels[use]) + " is " + percent(part) + " full.");
    }
  }

  void add_all_well() {
    const auto up = std::ranges::count_if(now_.servers, [](const auto& server) { return server.is_up; });
    add(Severity::ok, "all_well", Fault::none,
        "DNS works: " + counted(answers(), "answer", "answers") + window_.substr(0, window_.size() - 1) + ", " +
            number(static_cast<std::uint64_t>(up)) + " of " + counted(now_.servers.size(), "server", "servers") +
            " up.");
  }

  const Figures& now_;
  const Figures& before_;
  const Situation& situation_;
  std::string window_;
  std::vector<Finding> findings_;
};

}  // namespace

std::string_view to_string(ProcessState state) {
  constexpr runtime::EnumArray<ProcessState, std::string_view, 3> words = {"starting", "ready", "draining"};
  return words[state];
}

std::vector<Finding> judge(const Figures& now, const Figures& before, const Situation& situation) {
  return Judgement(now, before, situation).findings();
}

double window_of(const Figures& now, const Figures& before) {
  return std::chrono::duration<double>(now.at - before.at).count();
}

}  // namespace pillion::admin
