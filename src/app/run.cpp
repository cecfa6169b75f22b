#include "app/run.hpp"

#include <csignal>
#include <exception>

#include <malloc.h>

#include "app/app.hpp"
#include "app/descriptors.hpp"
#include "telemetry/logger.hpp"

namespace pillion::app {
namespace {

telemetry::LoggerOptions logger_options(const config::LogSettings& settings) {
  static_assert(static_cast<int>(config::LogThreshold::error) == static_cast<int>(runtime::LogLevel::error) &&
                static_cast<int>(config::LogFormat::text) == static_cast<int>(telemetry::LineFormat::text));
  return {.level = static_cast<runtime::LogLevel>(settings.level),
          .format = static_cast<telemetry::LineFormat>(settings.format)};
}

/// Without this, glibc raises the size from which memory is mapped alone, and goes back at once, with each large block
/// that is freed.
void keep_thresholds() {
  constexpr int mapped_alone = 128 * 1024;
  // No other thread has been started.
  ::mallopt(M_MMAP_THRESHOLD, mapped_alone);  // NOLINT(concurrency-mt-unsafe)
  ::mallopt(M_TRIM_THRESHOLD, mapped_alone);  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace

int run(const config::Loaded& loaded, std::string_view config_file) {
  auto config = loaded.config;
  // A client or a log reader that went away shows as an error of the write.
  std::signal(SIGPIPE, SIG_IGN);
  keep_thresholds();
  telemetry::Logger log(logger_options(config.log));
  const auto descriptors = share_descriptors(config);
  if (!descriptors) {
    log.error("cannot start", {{"error", descriptors.error()}});
    return 1;
  }
  config.dns.max_connections = static_cast<std::uint32_t>(descriptors->connections);
  try {
    App app(config, log, descriptors->http_connections);
    log.info("configuration loaded", {{"file", config_file.empty() ? "(defaults)" : config_file}});
    if (config.dns.max_connections < loaded.config.dns.max_connections) {
      log.warn("fewer TCP clients than configured: the limit of open files (RLIMIT_NOFILE) allows no more",
               {{"max_connections", config.dns.max_connections}, {"configured", loaded.config.dns.max_connections}});
    }
    for (const auto& warning : loaded.warnings) log.warn("configuration warning", {{"warning", warning}});
    app.reload_from(config_file, loaded);
    app.run();
    return 0;
  } catch (const server::BindError& error) {
    log.error("cannot bind", {{"error", error.what()}});
    return 3;
  } catch (const std::exception& error) {
    log.error("cannot start", {{"error", error.what()}});
    return 1;
  }
}

}  // namespace pillion::app
