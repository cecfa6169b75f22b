#include "app/run.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <malloc.h>

#include "app/app.hpp"
#include "app/bind_addresses.hpp"
#include "app/descriptors.hpp"
#include "app/memory_limit.hpp"
#include "app/socket_passing.hpp"
#include "app/syslog.hpp"
#include "server/bound_address.hpp"
#include "telemetry/logger.hpp"

namespace pillion::app {
namespace {

telemetry::LoggerOptions logger_options(const config::LogSettings& settings) {
  static_assert(static_cast<int>(config::LogThreshold::error) == static_cast<int>(runtime::LogLevel::error) &&
                static_cast<int>(config::LogFormat::text) == static_cast<int>(telemetry::LineFormat::text));
  const bool has_ecs_names = settings.format == config::LogFormat::json && settings.fields == config::LogNames::ecs;
  return {
      .level = static_cast<runtime::LogLevel>(settings.level),
      .format = has_ecs_names ? telemetry::LineFormat::ecs_json : static_cast<telemetry::LineFormat>(settings.format)};
}

/// Without this, glibc raises the size from which blocks are mapped separately, and freed at once, with each large
/// block that is freed.
void keep_thresholds() {
  constexpr int mapped_alone = 128 * 1024;
  // No other thread runs yet.
  ::mallopt(M_MMAP_THRESHOLD, mapped_alone);  // NOLINT(concurrency-mt-unsafe)
  ::mallopt(M_TRIM_THRESHOLD, mapped_alone);  // NOLINT(concurrency-mt-unsafe)
}

/// Logs the exception being handled as the reason why the program cannot start. Returns the exit code.
int report_start_failure(runtime::Log& log) {
  try {
    throw;
  } catch (const server::BindError& error) {
    log.error("cannot bind", {{"error", error.what()}});
    return 3;
  } catch (const std::exception& error) {
    log.error("cannot start", {{"error", error.what()}});
    return 1;
  }
}

/// Sends all sockets to the supervisor. Throws std::system_error.
void send_all(int channel, const std::vector<std::vector<server::ListenAddress>>& addresses) {
  const auto require = [](bool sent) {
    if (!sent) throw std::system_error(errno, std::generic_category(), "sockets to the supervisor");
  };
  for (const auto& thread : addresses) {
    for (const auto& [endpoint, bound] : thread) {
      require(send_descriptor(channel, bound.udp.get()));
      require(send_descriptor(channel, bound.tcp.get()));
    }
  }
  require(send_end(channel));
}

std::string signal_name(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name == nullptr ? std::to_string(number) : "SIG" + std::string(name);
}

}  // namespace

int bind_for_supervisor(const config::Loaded& loaded, int report) {
  telemetry::Logger log(logger_options(loaded.config.log));
  auto config = loaded.config;
  config.threads = fitting_threads(config);
  const auto descriptors = share_descriptors(config);
  if (!descriptors) {
    log.error("cannot start", {{"error", descriptors.error()}});
    return 1;
  }
  try {
    send_all(report, bind_addresses(config.dns.listen, config.threads));
    return 0;
  } catch (...) {
    return report_start_failure(log);
  }
}

int run(const config::Loaded& loaded, std::string_view config_file, Handover handover) {
  auto config = loaded.config;
  // A client or log reader that has gone shows as an error of the write.
  std::signal(SIGPIPE, SIG_IGN);
  keep_thresholds();
  telemetry::Logger log(logger_options(config.log));
  std::unique_ptr<telemetry::SyslogLog> syslog;
  try {
    syslog = make_syslog(config.syslog, log);
  } catch (...) {
    return report_start_failure(log);
  }
  if (handover.ended_by != 0) {
    log.error("a signal ended the worker, and the supervisor started it again",
              {{"signal", signal_name(handover.ended_by)},
               {"lived_seconds", static_cast<double>(handover.lived_ms) / 1000},
               {"restarts", handover.restarts}});
  }
  config.threads = fitting_threads(config);
  const auto descriptors = share_descriptors(config, handover.sockets.size());
  if (!descriptors) {
    log.error("cannot start", {{"error", descriptors.error()}});
    return 1;
  }
  config.dns.max_connections = static_cast<std::uint32_t>(descriptors->connections);
  try {
    App app(config, log, descriptors->http_connections, std::move(handover));
    log.info("configuration loaded", {{"file", config_file.empty() ? "(defaults)" : config_file}});
    if (config.dns.max_connections < loaded.config.dns.max_connections) {
      log.warn("fewer TCP clients are allowed than configured, because of the limit of open files (RLIMIT_NOFILE)",
               {{"max_connections", config.dns.max_connections}, {"configured", loaded.config.dns.max_connections}});
    }
    if (config.threads < loaded.config.threads) {
      log.warn("fewer threads than configured: the memory limit allows no more",
               {{"threads", config.threads}, {"configured", loaded.config.threads}});
    }
    for (const auto& warning : loaded.warnings) log.warn("configuration warning", {{"warning", warning}});
    app.reload_from(config_file, loaded);
    app.run();
    return 0;
  } catch (...) {
    return report_start_failure(log);
  }
}

}  // namespace pillion::app
