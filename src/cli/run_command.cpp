#include "cli/run_command.hpp"

#include <optional>
#include <ostream>
#include <utility>

#include "app/run.hpp"
#include "app/stop_signals.hpp"
#include "app/supervised_worker.hpp"
#include "cli/exit_code.hpp"

namespace pillion::cli {

RunCommand::RunCommand(CLI::App& app) : command_(*app.add_subcommand("run", "Run the proxy")), config_(command_) {
  command_.footer(
      "Without a file: listens for DNS on 127.0.0.1:8053 and for metrics and health on 0.0.0.0:9153,\n"
      "and asks Cloudflare and Quad9 over TLS, with verified certificates.\n"
      "SIGTERM and SIGINT drain first. Exit codes: 0 a clean stop, 1 bad configuration,\n"
      "2 bad command line, 3 cannot bind.\n\n"
      "Example:\n"
      "  pillion run --supervise --config /etc/pillion/pillion.yaml");
  command_
      .add_flag("--supervise", supervise_,
                "Keep the DNS sockets in a process of their own, which starts the proxy again if a signal ends it")
      ->disable_flag_override();
}

int RunCommand::run(std::ostream& err) const {
  app::block_stop_signals();
  auto handover = supervise_ ? app::take_handover() : std::nullopt;
  try {
    if (!handover) return app::run(config_.load(), config_.file());
    if (handover->report >= 0) return app::bind_for_supervisor(config_.load(), handover->report);
    app::follow_supervisor(*handover);
    return app::run(config_.load(), config_.file(), std::move(*handover));
  } catch (const config::ConfigError& error) {
    err << error.what() << '\n';
    return exit_code::bad_configuration;
  }
}

}  // namespace pillion::cli
