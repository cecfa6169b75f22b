#pragma once
// The proxy that runs in this container, as /proc shows it.

#include <sys/types.h>

#include <expected>
#include <filesystem>
#include <optional>
#include <string>

#include <CLI/App.hpp>

#include "app/listen_addresses.hpp"
#include "app/reload_outcome.hpp"
#include "runtime/unique_descriptor.hpp"

namespace pillion::cli {

/// A process that can be told to read its configuration again, and of which is seen what came of it, and where it
/// listens.
class RunningProxy {
 public:
  /// `link` is what /proc has of its descriptor, `file` what was opened through it.
  RunningProxy(pid_t pid, std::filesystem::path link, runtime::UniqueDescriptor file)
      : pid_(pid), link_(std::move(link)), file_(std::move(file)) {}

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// nullopt where it cannot be read at this moment.
  [[nodiscard]] std::optional<app::ReloadReport> report() const { return app::read_reload_report(file_.get()); }
  /// Where it listens, as addresses to which this process can connect: loopback stands for an unspecified address, and
  /// its ports are there for a process in the same network namespace alone. The error is why that is not known or not
  /// of use: also that it does not listen yet.
  [[nodiscard]] std::expected<app::ListenAddresses, std::string> addresses() const;
  /// False once the process has ended, whoever has its number now.
  [[nodiscard]] bool is_running() const;
  /// Sends SIGHUP. Empty, or why it could not be sent.
  [[nodiscard]] std::string tell_to_reload() const;

 private:
  pid_t pid_;
  std::filesystem::path link_;
  runtime::UniqueDescriptor file_;
};

/// The `--pid` of subcommands, which find_running_proxy() takes.
void add_pid_option(CLI::App& command, std::optional<pid_t>& pid);

/// The process with this number; without one process 1, if it is a proxy, else the only one that this process sees. Of
/// a supervisor and its worker, which share the file, the supervisor, whichever is named. The error says what is wrong,
/// and what to do.
[[nodiscard]] std::expected<RunningProxy, std::string> find_running_proxy(std::optional<pid_t> pid);

}  // namespace pillion::cli
