#include "cli/reload_command.hpp"

#include <poll.h>

#include <chrono>
#include <expected>
#include <ostream>

#include "cli/exit_code.hpp"
#include "cli/running_proxy.hpp"
#include "config/scalar.hpp"

namespace pillion::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int look_interval = 20;  // ms

void pause() {
  ::poll(nullptr, 0, look_interval);
}

/// Waits for a reload that starts after this call, since one that was already running may have read the files before
/// they changed.
std::expected<app::ReloadReport, std::string> reload(const RunningProxy& proxy, std::chrono::milliseconds wait) {
  const auto process = "process " + std::to_string(proxy.pid());
  const auto until = Clock::now() + wait;
  const auto before = proxy.report();
  if (!before) return std::unexpected(process + " is another version of pillion, whose report cannot be read");
  if (const auto reason = proxy.tell_to_reload(); !reason.empty())
    return std::unexpected("SIGHUP cannot be sent to " + process + ": " + reason);
  for (;;) {
    // Tested before the report is read, so that a report that the process wrote before it ended still counts.
    const bool is_running = proxy.is_running();
    auto report = proxy.report();
    if (report && report->finished > before->started) return std::move(*report);
    if (!is_running) return std::unexpected(process + " ended before it had read its configuration; see its log");
    if (Clock::now() >= until) {
      const bool has_started = report && report->started > before->started;
      return std::unexpected(process + " has not " + (has_started ? "finished" : "begun") + " a reload within " +
                             config::format_duration(wait) + "; its log may say why, --wait waits longer");
    }
    pause();
  }
}

}  // namespace

ReloadCommand::ReloadCommand(CLI::App& app)
    : command_(*app.add_subcommand("reload", "Tell the running proxy to read its configuration again")) {
  add_pid_option(command_, pid_);
  command_.add_option("--wait", wait_, "How long to wait for the outcome")->type_name("TIME")->capture_default_str();
  command_.footer(
      "Sends SIGHUP, waits for the outcome and prints it. Exits 0 if the new configuration is in use, and 1 with the\n"
      "reasons if the proxy refused it and keeps the old one. Run this as the proxy's user.\n\n"
      "Example:\n"
      "  pillion reload\n"
      "  kubectl exec deployment/shop -c pillion -- /pillion reload --wait 10s");
}

int ReloadCommand::run(std::ostream& out, std::ostream& err) const {
  const auto wait = config::parse_duration(wait_);
  if (!wait) {
    err << "pillion: reload: --wait: " << wait.error() << "; see `pillion reload --help`\n";
    return exit_code::bad_command_line;
  }
  const auto proxy = find_running_proxy(pid_);
  const auto report = proxy ? reload(*proxy, *wait) : std::unexpected(proxy.error());
  if (!report) {
    err << "pillion: reload: " << report.error() << '\n';
    return exit_code::not_reloaded;
  }
  (report->succeeded ? out : err) << report->text;
  return report->succeeded ? exit_code::clean : exit_code::not_reloaded;
}

}  // namespace pillion::cli
