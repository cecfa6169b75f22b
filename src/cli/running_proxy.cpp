#include "cli/running_proxy.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/Validators.hpp>

namespace pillion::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* proc = "/proc";

/// A process that has the outcome file open for writing. `pillion reload` opens it too, but for reading.
struct Holder {
  pid_t pid;
  fs::path link;
  dev_t device;
  ino_t inode;
};

bool share_file(const Holder& a, const Holder& b) {
  return a.device == b.device && a.inode == b.inode;
}

bool is_outcome_file(const fs::path& link) {
  std::error_code error;
  return fs::read_symlink(link, error) == "/memfd:" + std::string(app::ReloadOutcome::file_name) + " (deleted)" &&
         !error;
}

/// The holder if the process is one, else nullopt. `error` is set if /proc did not allow a look.
std::optional<Holder> holder_of(pid_t pid, std::error_code& error) {
  const auto descriptors = fs::path(proc) / std::to_string(pid) / "fd";
  for (auto entry = fs::directory_iterator(descriptors, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const auto& link = entry->path();
    struct stat of_link{};
    struct stat of_file{};
    // The permissions of the link show whether the descriptor is open for writing.
    if (!is_outcome_file(link) || ::lstat(link.c_str(), &of_link) != 0 || (of_link.st_mode & S_IWUSR) == 0) continue;
    if (::stat(link.c_str(), &of_file) != 0) continue;
    return Holder{.pid = pid, .link = link, .device = of_file.st_dev, .inode = of_file.st_ino};
  }
  return std::nullopt;
}

std::optional<pid_t> read_pid(std::string_view text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  return error == std::errc{} && end == text.data() + text.size() && pid > 0 ? std::optional(pid) : std::nullopt;
}

/// The parent, or 0 if it is not visible (proc(5), /proc/PID/stat: after the name in parentheses).
pid_t parent_of(pid_t pid) {
  std::ifstream file(fs::path(proc) / std::to_string(pid) / "stat");
  std::string line;
  std::getline(file, line);
  constexpr std::string_view behind_name = ") S ";
  const auto at = line.rfind(')');
  if (at == std::string::npos || line.size() < at + behind_name.size()) return 0;
  const auto rest = std::string_view(line).substr(at + behind_name.size());
  return read_pid(rest.substr(0, rest.find(' '))).value_or(0);
}

/// The supervisor of the worker, if its parent has the same file open; else the worker.
Holder supervisor_of(Holder holder) {
  for (;;) {
    std::error_code ignored;
    auto parent = holder_of(parent_of(holder.pid), ignored);
    if (!parent || !share_file(*parent, holder)) return holder;
    holder = std::move(*parent);
  }
}

struct ProxySearch {
  std::vector<Holder> supervisors;  ///< one for each file
  std::size_t hidden = 0;           ///< processes that /proc did not show
};

ProxySearch search_all() {
  ProxySearch search;
  std::error_code error;
  for (auto entry = fs::directory_iterator(proc, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const auto pid = read_pid(entry->path().filename().native());
    if (!pid) continue;
    std::error_code reason;
    auto holder = holder_of(*pid, reason);
    if (reason == std::errc::permission_denied || reason == std::errc::operation_not_permitted) ++search.hidden;
    if (!holder) continue;
    const auto is_known = [&](const Holder& other) { return share_file(other, *holder); };
    if (std::ranges::none_of(search.supervisors, is_known))
      search.supervisors.push_back(supervisor_of(std::move(*holder)));
  }
  return search;
}

std::string not_found(const ProxySearch& search) {
  std::string text = "no proxy runs here; run this in the container of `pillion run`";
  if (search.hidden > 0) {
    text += ", as its user (" + std::to_string(search.hidden) +
            (search.hidden == 1 ? " process of another user was" : " processes of other users were") + " not examined)";
  }
  return text;
}

std::string several_found(const ProxySearch& search) {
  std::string text = "several proxies run here; choose one with --pid:";
  for (const auto& holder : search.supervisors) text += " " + std::to_string(holder.pid);
  return text;
}

std::expected<Holder, std::string> holder_with(pid_t pid) {
  std::error_code error;
  auto holder = holder_of(pid, error);
  if (holder) return supervisor_of(std::move(*holder));
  const auto process = "process " + std::to_string(pid);
  if (error == std::errc::no_such_file_or_directory || error == std::errc::no_such_process)
    return std::unexpected("there is no " + process);
  if (error)
    return std::unexpected(process + " cannot be examined: " + error.message() + "; run this as the proxy's user");
  return std::unexpected(process + " is not a running proxy");
}

std::expected<Holder, std::string> find_holder(std::optional<pid_t> pid) {
  if (pid) return holder_with(*pid);
  if (auto first = holder_with(1)) return first;
  auto search = search_all();
  if (search.supervisors.empty()) return std::unexpected(not_found(search));
  if (search.supervisors.size() > 1) return std::unexpected(several_found(search));
  return std::move(search.supervisors.front());
}

/// The link of the process's network namespace; empty if it is not readable.
fs::path network_of(const std::string& process) {
  std::error_code ignored;
  return fs::read_symlink(fs::path(proc) / process / "ns/net", ignored);
}

/// Replaces a wildcard address by the loopback address of its family.
void replace_unspecified(std::vector<config::Endpoint>& addresses) {
  for (auto& [address, port] : addresses) {
    if (address == "0.0.0.0") address = "127.0.0.1";
    if (address == "::") address = "::1";
  }
}

}  // namespace

std::expected<app::ListenAddresses, std::string> RunningProxy::addresses() const {
  const auto process = "process " + std::to_string(pid_);
  if (network_of(std::to_string(pid_)) != network_of("self"))
    return std::unexpected(process + " runs in another network namespace; run this in its container");
  auto addresses = app::read_listen_addresses(file_.get());
  if (!addresses) return std::unexpected(process + " does not listen yet");
  replace_unspecified(addresses->dns);
  replace_unspecified(addresses->http);
  replace_unspecified(addresses->admin);
  return std::move(*addresses);
}

bool RunningProxy::is_running() const {
  struct stat of_link{};
  struct stat of_file{};
  return is_outcome_file(link_) && ::stat(link_.c_str(), &of_link) == 0 && ::fstat(file_.get(), &of_file) == 0 &&
         of_link.st_ino == of_file.st_ino;
}

std::string RunningProxy::tell_to_reload() const {
  return ::kill(pid_, SIGHUP) == 0 ? std::string{} : std::generic_category().message(errno);
}

void add_pid_option(CLI::App& command, std::optional<pid_t>& pid) {
  command.add_option("--pid", pid, "The proxy's process; by default 1, or the only one that runs here")
      ->type_name("N")
      ->check(CLI::Range(1, std::numeric_limits<pid_t>::max()));
}

std::expected<RunningProxy, std::string> find_running_proxy(std::optional<pid_t> pid) {
  auto holder = find_holder(pid);
  if (!holder) return std::unexpected(holder.error());
  runtime::UniqueDescriptor file(::open(holder->link.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    return std::unexpected("process " + std::to_string(holder->pid) +
                           " cannot be examined: " + std::generic_category().message(errno));
  }
  return RunningProxy(holder->pid, std::move(holder->link), std::move(file));
}

}  // namespace pillion::cli
