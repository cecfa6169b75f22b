#include "app/run.hpp"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <exception>

#include "app/app.hpp"
#include "telemetry/logger.hpp"

namespace pillion::app {
namespace {

telemetry::LoggerOptions logger_options(const config::LogSettings& settings) {
  static_assert(static_cast<int>(config::LogThreshold::error) == static_cast<int>(runtime::LogLevel::error) &&
                static_cast<int>(config::LogFormat::text) == static_cast<int>(telemetry::LineFormat::text));
  return {.level = static_cast<runtime::LogLevel>(settings.level),
          .format = static_cast<telemetry::LineFormat>(settings.format)};
}

/// Descriptors for every client that the configuration allows, as far as the hard limit goes.
void raise_descriptor_limit(std::uint32_t max_connections) {
  constexpr rlim_t for_ourselves = 256;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto wanted = std::min<rlim_t>(limit.rlim_max, max_connections + for_ourselves);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Without this, glibc raises the size from which memory is mapped alone, and goes back at once, with each large block
/// that is freed.
void keep_thresholds() {
  constexpr int mapped_alone = 128 * 1024;
  ::mallopt(M_MMAP_THRESHOLD, mapped_alone);
  ::mallopt(M_TRIM_THRESHOLD, mapped_alone);
}

}  // namespace

int run(const config::Loaded& loaded, std::string_view config_file) {
  const auto& config = loaded.config;
  // A client or a log reader that went away shows as an error of the write.
  std::signal(SIGPIPE, SIG_IGN);
  keep_thresholds();
  raise_descriptor_limit(config.dns.max_connections * config.threads);
  telemetry::Logger log(logger_options(config.log));
  try {
    App app(config, log);
    log.info("configuration loaded", {{"file", config_file.empty() ? "(defaults)" : config_file}});
    for (const auto& warning : loaded.warnings) log.warn("configuration warning", {{"warning", warning}});
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
