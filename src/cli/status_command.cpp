#include "cli/status_command.hpp"

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <expected>
#include <ostream>
#include <string_view>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cli/exit_code.hpp"
#include "cli/http_get.hpp"
#include "cli/running_proxy.hpp"
#include "cli/status_text.hpp"
#include "config/scalar.hpp"

namespace pillion::cli {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds status_patience{5000};
constexpr std::chrono::milliseconds watch_interval{1000};
constexpr std::uint64_t max_status_size = std::uint64_t{4} << 20U;  // bytes
constexpr std::string_view clear_screen = "\x1b[H\x1b[2J";          // ECMA-48: CUP, ED

template <typename Value>
using StatusResult = std::expected<Value, std::string>;
using Addresses = std::vector<config::Endpoint>;

StatusResult<Addresses> find_admin(std::optional<pid_t> pid) {
  const auto proxy = find_running_proxy(pid);
  if (!proxy) return std::unexpected(proxy.error());
  auto addresses = proxy->addresses();
  if (!addresses) return std::unexpected(addresses.error());
  if (addresses->admin.empty()) {
    return std::unexpected("the proxy has no admin server: see `admin.listen` in its configuration, and its log");
  }
  return std::move(addresses->admin);
}

StatusResult<json::object> read(const Addresses& addresses, std::string_view path) {
  auto reply = http_get(addresses, path, Clock::now() + status_patience, max_status_size);
  if (!reply) return std::unexpected(reply.error());
  if (!reply->is_ok) return std::unexpected(std::string(path) + ": " + reply->status);
  boost::system::error_code error;
  auto value = json::parse(reply->body, error);
  if (error || !value.is_object()) return std::unexpected(std::string(path) + ": the answer is not a JSON object");
  return std::move(value.as_object());
}

StatusResult<std::string> show(const Addresses& addresses, bool as_json) {
  const auto status = read(addresses, "/api/v1/status");
  if (!status) return std::unexpected(status.error());
  const auto upstreams = read(addresses, "/api/v1/upstreams");
  if (!upstreams) return std::unexpected(upstreams.error());
  try {
    return as_json ? json::serialize(attestation(*status, *upstreams)) + "\n" : status_text(*status, *upstreams);
  } catch (const std::exception&) {
    return std::unexpected(std::string("the admin server is another version of pillion"));
  }
}

}  // namespace

StatusCommand::StatusCommand(CLI::App& app)
    : command_(*app.add_subcommand("status", "Show the state of the running proxy")) {
  command_.add_option("--admin", admin_, "The address of its admin server; default: the one that its process reports")
      ->type_name("ADDRESS:PORT");
  add_pid_option(command_, pid_);
  command_.add_flag("--watch", watch_, "Show it every second until interrupted");
  command_.add_flag("--json", json_, "Print a JSON attestation: what runs, to which servers it is connected, and how");
  command_.footer(
      "Says first whether DNS works and, if not, whose fault it is. Exits 0 if the proxy answers, and 1 with the\n"
      "reason if it does not. Without --admin, run this as the proxy's user.\n\n"
      "Example:\n"
      "  pillion status --watch\n"
      "  kubectl exec deployment/shop -c pillion -- /pillion status --json");
}

int StatusCommand::run(std::ostream& out, std::ostream& err) const {
  std::optional<config::Endpoint> given;
  if (!admin_.empty()) {
    const auto address = config::parse_endpoint(admin_);
    if (!address) {
      err << "pillion: status: --admin: " << address.error() << "; see `pillion status --help`\n";
      return exit_code::bad_command_line;
    }
    given = *address;
  }
  const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  for (;;) {
    const auto addresses = given ? StatusResult<Addresses>(Addresses{*given}) : find_admin(pid_);
    const auto text = addresses ? show(*addresses, json_) : std::unexpected(addresses.error());
    if (!text) {
      err << "pillion: status: " << text.error() << '\n';
      return exit_code::no_status;
    }
    if (watch_ && is_terminal && !json_) out << clear_screen;
    out << *text << std::flush;
    if (!watch_ || !out) return exit_code::clean;
    ::poll(nullptr, 0, static_cast<int>(watch_interval.count()));
  }
}

}  // namespace pillion::cli
