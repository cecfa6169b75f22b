#pragma once
// The proxy that runs in this container, found through /proc.

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

/// A running proxy: a process that can be told to reload, and that publishes the outcome and its listen addresses in a
/// file.
class RunningProxy {
 public:
  /// `link` is the path of the process's descriptor in /proc; `file` was opened through it.
  RunningProxy(pid_t pid, std::filesystem::path link, runtime::UniqueDescriptor file)
      : pid_(pid), link_(std::move(link)), file_(std::move(file)) {}

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// The last report, or nullopt if it cannot be read at this moment.
  [[nodiscard]] std::optional<app::ReloadReport> report() const { return app::read_reload_report(file_.get()); }
  /// The addresses that the proxy listens on, as this process can connect to them: loopback replaces a wildcard. The
  /// error says why they are unknown (the proxy does not listen yet) or useless (it runs in another network
  /// namespace).
  [[nodiscard]] std::expected<app::ListenAddresses, std::string> addresses() const;
  /// False if the process has ended, even if another process has its number now.
  [[nodiscard]] bool is_running() const;
  /// Sends SIGHUP. Returns why it could not be sent; empty if it was.
  [[nodiscard]] std::string tell_to_reload() const;

 private:
  pid_t pid_;
  std::filesystem::path link_;
  runtime::UniqueDescriptor file_;
};

/// Adds the option `--pid`, whose value find_running_proxy() takes.
void add_pid_option(CLI::App& command, std::optional<pid_t>& pid);

/// Finds the proxy with this process number. Without a number: process 1 if it is a proxy, else the only proxy that
/// this process can see. A supervisor and its worker share one file; the result is always the supervisor. The error
/// says what is wrong and what to do.
[[nodiscard]] std::expected<RunningProxy, std::string> find_running_proxy(std::optional<pid_t> pid);

}  // namespace pillion::cli
