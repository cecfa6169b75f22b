#include "cli/health_command.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <expected>
#include <ostream>
#include <string_view>

#include "cli/exit_code.hpp"
#include "cli/http_get.hpp"
#include "cli/running_proxy.hpp"
#include "config/scalar.hpp"

namespace pillion::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds try_patience{2000};  // for one try
constexpr std::chrono::milliseconds retry_interval{10};  // between the end of a try and the next

constexpr std::uint64_t max_health_size = std::uint64_t{64} << 10U;  // bytes; a health response has a few lines

struct Unhealthy {
  std::string reason;           ///< one line, or several if the response has a body
  bool may_become_well = true;  ///< False if trying again is useless
};

/// Asks the running proxy once. No error if it is healthy.
std::expected<void, Unhealthy> ask(std::optional<pid_t> pid, std::string_view path, Clock::time_point deadline) {
  const auto proxy = find_running_proxy(pid);
  if (!proxy) return std::unexpected(Unhealthy{.reason = proxy.error()});
  const auto addresses = proxy->addresses();
  if (!addresses) return std::unexpected(Unhealthy{.reason = addresses.error()});
  if (addresses->http.empty()) {
    return std::unexpected(Unhealthy{
        .reason = "the proxy has no HTTP server, which health needs: the configuration has `http: {listen: \"\"}`",
        .may_become_well = false});
  }
  const auto response = http_get(addresses->http, path, deadline, max_health_size);
  if (!response) return std::unexpected(Unhealthy{.reason = response.error()});
  if (response->is_ok) return {};
  std::string reason(path);
  reason.append(": ").append(response->status).append("\n").append(response->body);
  if (reason.ends_with('\n')) reason.pop_back();
  return std::unexpected(Unhealthy{.reason = std::move(reason)});
}

}  // namespace

HealthCommand::HealthCommand(CLI::App& app)
    : command_(*app.add_subcommand("health", "Ask the running proxy for its health")) {
  auto* const startup = command_.add_flag("--startup", startup_, "Ask whether it has started: /startupz");
  auto* const live = command_.add_flag("--live", live_, "Ask whether its event loops turn: /livez");
  auto* const ready = command_.add_flag("--ready", ready_, "Ask whether it is ready, and not draining: /readyz");
  startup->excludes(live)->excludes(ready);
  live->excludes(ready);
  add_pid_option(command_, pid_);
  command_.add_option("--wait", wait_, "How long to repeat the request until the proxy is healthy; 0s: one request")
      ->type_name("TIME")
      ->capture_default_str();
  command_.footer(
      "Asks the running proxy over HTTP, at the address that its process reports, so that no configuration file is\n"
      "needed; without one of the three options it asks for /healthz. Exits 0 if the proxy is healthy, and 1 with the\n"
      "reason if it is not healthy, does not answer within 2 s, or does not run. Run this as the proxy's user.\n\n"
      "Example:\n"
      "  pillion health --startup --wait 60s");
}

int HealthCommand::run(std::ostream& out, std::ostream& err) const {
  const auto wait = config::parse_duration(wait_);
  if (!wait) {
    err << "pillion: health: --wait: " << wait.error() << "; see `pillion health --help`\n";
    return exit_code::bad_command_line;
  }
  const std::string_view path = startup_ ? "/startupz" : live_ ? "/livez" : ready_ ? "/readyz" : "/healthz";
  const auto until = Clock::now() + (wait->count() > 0 ? *wait : try_patience);
  for (;;) {
    const auto outcome = ask(pid_, path, std::min(Clock::now() + try_patience, until));
    if (outcome) {
      out << "ok\n";
      return exit_code::clean;
    }
    // A try with no time left would only replace this reason by a timeout.
    const bool is_last = wait->count() == 0 || Clock::now() + 2 * retry_interval >= until;
    if (is_last || !outcome.error().may_become_well) {
      err << "pillion: health: " << outcome.error().reason << '\n';
      return exit_code::not_healthy;
    }
    ::poll(nullptr, 0, static_cast<int>(retry_interval.count()));
  }
}

}  // namespace pillion::cli
